"""The commands about certificates, one in each file."""
