"""PostgreSQL as installations had it: its superuser is the application."""
