"""What can be asked of the certificates: a verb a file."""
