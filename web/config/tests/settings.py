"""The settings for tests and type checks: nothing needs to be set, and the tests use SQLite.

With ENVIRONMENT=local, POSTGRES_* and VALKEY_URL set, they use PostgreSQL and Valkey.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("ENVIRONMENT", "embedded")
os.environ.setdefault("DEBUG", "true")  # static files as they lie in the folders: no collectstatic before the tests
os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only")
os.environ.setdefault("DATA_DIRECTORY", str(Path(tempfile.gettempdir()) / f"app-tests-{os.getuid()}"))

from config.settings import *  # noqa: F403

# Whether the frontend has been built must not change what the tests see.
FRONTEND = False
WHITENOISE_AUTOREFRESH = True
# The real one is slow on purpose, and the tests make many users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
