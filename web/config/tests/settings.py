"""The settings for tests and type checks: nothing needs to be set, and the tests use SQLite.

With ENVIRONMENT=local, POSTGRES_* and VALKEY_URL set, they use PostgreSQL and Valkey.
"""

import atexit
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("ENVIRONMENT", "embedded")
os.environ.setdefault("DEBUG", "true")  # static files as they lie in the folders: no collectstatic before the tests
os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only")
# Never the data of whoever runs the tests. Each process of tests has a folder of its own, with its database and queue:
# others run beside it. The workers that it starts inherit it. (mypy, which ends without cleaning up, writes nothing.)
if "TEST_FOLDER" not in os.environ:
    run = secrets.token_hex(8) if "pytest" in sys.modules else os.getuid()
    os.environ["TEST_FOLDER"] = str(Path(tempfile.gettempdir()) / f"app-tests-{run}")
    atexit.register(shutil.rmtree, os.environ["TEST_FOLDER"], ignore_errors=True)
os.environ["DATA_DIRECTORY"] = str(Path(os.environ["TEST_FOLDER"]) / os.environ.get("PYTEST_XDIST_WORKER", "main"))

from config.settings import *  # noqa: F403

# Whether the frontend has been built must not change what the tests see.
FRONTEND = False
WHITENOISE_AUTOREFRESH = True
# Another worker, LOCAL's, listens to the usual one.
CELERY_TASK_DEFAULT_QUEUE = "project-tests"
# The real one is slow on purpose, and the tests make many users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
