"""Running the site: background tasks and their record, health, logs."""
