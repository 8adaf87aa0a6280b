"""The project: settings, URLs, Celery, logs. Importing it loads nothing: the backup system reads its variables."""
