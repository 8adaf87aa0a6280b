"""`python -m bedplate.backup`."""

from bedplate.backup.command_line import main

main()
