"""The stack of the chaos tests of backups: PostgreSQL, a store, and the cron container with an agent in it."""
