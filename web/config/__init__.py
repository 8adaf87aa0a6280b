"""The project: settings, addresses, Celery, logs. Importing it loads nothing: the backup system reads its variables."""
