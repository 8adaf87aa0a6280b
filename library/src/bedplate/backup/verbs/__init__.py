"""What can be asked for: one verb a file."""
