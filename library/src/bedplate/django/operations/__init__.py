"""Operation of the site: background tasks and their runs, health, static files, restored databases."""
