"""The settings for tests and type checks: no variable is required, and the tests use SQLite.

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
os.environ.setdefault("DEBUG", "true")  # static files from their folders, without collectstatic
os.environ["DEBUG_TOOLBAR"] = "false"
os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only")
# Never use the developer's own data. Each test process has its own folder, with database and queue, because others may
# run in parallel. Its workers inherit the folder. (mypy, which does not clean up at its end, writes nothing.)
if "TEST_FOLDER" not in os.environ:
    run = secrets.token_hex(8) if "pytest" in sys.modules else os.getuid()
    os.environ["TEST_FOLDER"] = str(Path(tempfile.gettempdir()) / f"app-tests-{run}")
    atexit.register(shutil.rmtree, os.environ["TEST_FOLDER"], ignore_errors=True)
os.environ["DATA_DIRECTORY"] = str(Path(os.environ["TEST_FOLDER"]) / os.environ.get("PYTEST_XDIST_WORKER", "main"))

from config.settings import *  # noqa: F403

# The tests do not depend on a built frontend.
FRONTEND = False
WHITENOISE_AUTOREFRESH = True
# LOCAL's own worker uses the default queue.
CELERY_TASK_DEFAULT_QUEUE = "project-tests"
# The default hasher is slow on purpose, and the tests create many users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
