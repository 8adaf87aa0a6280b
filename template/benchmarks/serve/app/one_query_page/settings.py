"""The project's own settings, as in production, and the measured page."""

from config.settings import *  # noqa: F403 (this is the point: nothing else differs)
from config.settings import INSTALLED_APPS as PROJECT_APPS

INSTALLED_APPS = [*PROJECT_APPS, "one_query_page"]
ROOT_URLCONF = "one_query_page.urls"
SECURE_SSL_REDIRECT = False  # nginx alone is in front, without the TLS that PROD has before it
