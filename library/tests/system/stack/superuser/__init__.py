"""PostgreSQL of earlier installations: its superuser is the application."""
