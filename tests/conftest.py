"""Fixtures of these tests: LOCAL and PROD in containers, pages in Chromium (library/docs/how-to/write-tests.md)."""

pytest_plugins = ["bedplate.testing.stack"]
