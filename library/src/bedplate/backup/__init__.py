"""Backups of the project's database and media: make, list, restore, and verify them by restoring."""
