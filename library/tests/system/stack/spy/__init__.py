"""An app for a test's stack; its handlers write to everything that is live."""
