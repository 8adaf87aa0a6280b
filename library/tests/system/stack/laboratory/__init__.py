"""A small stack for trying backups on: PostgreSQL, a store and the cron container, with an agent inside of that."""
