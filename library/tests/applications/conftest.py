"""Tests of the library's Django applications, in the project of this repository: with its settings and users."""

pytest_plugins = ["bedplate.testing.plugin", "bedplate.testing.worker"]
