"""Create projects from the base project, and merge newer versions of it into them."""
