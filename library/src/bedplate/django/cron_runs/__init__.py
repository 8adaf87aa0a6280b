"""The runs of cron: when they are due, what they did, and the alarm when one failed or did not happen."""
