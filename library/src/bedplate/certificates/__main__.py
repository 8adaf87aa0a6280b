"""`python -m bedplate.certificates`."""

from bedplate.certificates.command_line import main

main()
