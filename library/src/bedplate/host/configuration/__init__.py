"""Files and variables that the commands read."""
