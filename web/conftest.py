"""Test fixtures for all apps, from `bedplate.testing`."""

pytest_plugins = ["bedplate.testing.plugin", "bedplate.testing.worker"]
