"""Stand-ins for what is elsewhere, for tests: a Google Cloud Storage, and an OAuth server that gives consent."""
