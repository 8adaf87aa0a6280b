"""Runs the tasks of the crontab, records each run, and alerts when one fails or is missed."""
