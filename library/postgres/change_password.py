"""Set the password of the application's role in PostgreSQL to the first one of its secret; run in its container.

Usage: docker compose run --rm --no-deps --no-TTY web python - <library/postgres/change_password.py

It works over the network, so also on another owner's server. PostgreSQL gets, and logs, only a hash.
"""

import os

import django
import psycopg
from django.conf import settings
from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
first = settings.ENVIRONMENT.postgres_passwords[0]
connection.ensure_connection()  # with any of the passwords that PostgreSQL accepts
session = connection.connection
session.pgconn.change_password(session.info.user.encode(), first.encode())
psycopg.connect(**connection.get_connection_params() | {"password": first}).close()
