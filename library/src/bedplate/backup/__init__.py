"""Backups of the project's database and media: made, listed, restored, and proven by restoring them."""
