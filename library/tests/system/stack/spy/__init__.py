"""An app for a test's stack, whose handlers write to everything that is live."""
