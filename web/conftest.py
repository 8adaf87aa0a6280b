"""What the tests of every app use: the fixtures of `bedplate.testing`."""

pytest_plugins = ["bedplate.testing.plugin", "bedplate.testing.worker"]
