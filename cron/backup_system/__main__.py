"""`python -m backup_system`."""

from backup_system.command_line import main

main()
