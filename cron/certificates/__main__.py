"""`python -m certificates`."""

from certificates.command_line import main

main()
