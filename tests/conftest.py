"""What these tests share: LOCAL and PROD in containers, with pages in Chromium (library/docs/how-to/write-tests.md)."""

pytest_plugins = ["bedplate.testing.stack"]
