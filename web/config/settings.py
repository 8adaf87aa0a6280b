"""Django's settings: the defaults are safe for production. Environments differ in `config.environment` only."""

from pathlib import Path
from typing import Any

from bedplate.django import services
from bedplate.django.development.toolbar import use_debug_toolbar
from bedplate.django.isolation import refuse_connections
from bedplate.django.logs import configure_logging
from bedplate.django.outbox.mailers import transport
from bedplate.django.sentry import configure_sentry
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor  # type: ignore[import-untyped]

from config.environment import read_environment_or_exit

ENVIRONMENT = read_environment_or_exit()
BASE_DIRECTORY = Path(__file__).resolve().parent.parent
if ENVIRONMENT.isolated:
    refuse_connections(database_host=ENVIRONMENT.postgres_host, project=BASE_DIRECTORY)

SECRET_KEY, *SECRET_KEY_FALLBACKS = ENVIRONMENT.signing_keys
DEBUG = ENVIRONMENT.debug
# nginx refuses unknown hosts; health checks and people on this machine use the other names.
ALLOWED_HOSTS = [ENVIRONMENT.domain, "localhost", ".localhost", "127.0.0.1", "[::1]"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = [
    "users",
    "bedplate.django.accounts",
    "bedplate.django.theme",
    "bedplate.django.operations",
    "bedplate.django.operations_page",
    "bedplate.django.outbox",
    "bedplate.django.media",
    "bedplate.django.cron_runs",
    "bedplate.django.anonymization",
    "bedplate.django.development",
    "pages",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    *(["bedplate.django.caught_mail"] if ENVIRONMENT.catches_mail else []),
]

MIDDLEWARE = [
    "bedplate.django.logs.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "bedplate.django.accounts.sessions.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "bedplate.django.accounts.middleware.LinkTokenMiddleware",
    "bedplate.django.accounts.middleware.StaffSecondFactorMiddleware",
    "bedplate.django.accounts.sessions.SessionActivityMiddleware",
    "bedplate.django.operations.middleware.TaskLimitMiddleware",
    "bedplate.django.accounts.impersonation.ImpersonationMiddleware",
]

TEMPLATE_LOADERS = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIRECTORY / "templates"],
        "OPTIONS": {
            # Read again for every page in LOCAL, so that changes are visible; cached in memory elsewhere.
            "loaders": TEMPLATE_LOADERS if DEBUG else [("django.template.loaders.cached.Loader", TEMPLATE_LOADERS)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pages.context_processors.site",
            ],
        },
    },
]
FORM_RENDERER = "bedplate.django.theme.renderers.FormRenderer"

# Database and cache

DATABASES = {"default": services.database(ENVIRONMENT)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": services.cache(ENVIRONMENT),
}

# Users and login

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "bedplate.django.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "reset_password": "bedplate.django.accounts.forms.ResetPasswordForm",
    "signup": "bedplate.django.accounts.forms.SignupForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = ENVIRONMENT.allow_signup  # the mail has a link to sign up
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = ENVIRONMENT.project_name
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = ENVIRONMENT.private  # passkeys work on http://localhost too
SOCIALACCOUNT_ADAPTER = "bedplate.django.accounts.login_providers.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = ENVIRONMENT.login_providers
# Who has the same verified address at the provider is signed in as its user here.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# nginx sets X-Real-IP to the client's address, whatever the client sent; embedded mode has no trusted proxy.
ALLAUTH_TRUSTED_CLIENT_IP_HEADER = None if ENVIRONMENT.embedded else "X-Real-IP"

# Languages, time, static files, uploads

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("fr", _("French")),
]
LOCALE_PATHS = [BASE_DIRECTORY / "locale"]
TIME_ZONE = ENVIRONMENT.time_zone
FORMAT_MODULE_PATH = "bedplate.django.theme.formats"


def static_storage() -> str:
    """Return the storage of static files: their folders in LOCAL; elsewhere collected files with hashed names."""
    if DEBUG:
        return "django.contrib.staticfiles.storage.StaticFilesStorage"
    if ENVIRONMENT.embedded:  # compression is useless on the local machine
        return "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    return "bedplate.django.static_files.CompressedStaticFilesStorage"


STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIRECTORY / "staticfiles"
STATICFILES_DIRS = [BASE_DIRECTORY / "static"]
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "map"]  # large, and for debuggers only
MEDIA_URL = "/media/"
MEDIA_ROOT = ENVIRONMENT.data_directory / "uploads"
STORAGES = {
    # Private by default: only the owner can read a file (bedplate.django.media.views).
    # For public files, set `storage=public_storage` of a FileField: library/docs/how-to/uploads.md
    **services.uploads(ENVIRONMENT, folder=MEDIA_ROOT, url=MEDIA_URL),
    "staticfiles": {"BACKEND": static_storage()},
}

# Mail

CAUGHT_MAIL_DIRECTORY = ENVIRONMENT.data_directory / "mail"
# Mail waits in the outbox; a worker sends it by "transport". Other providers: library/docs/how-to/send-mail.md
MAILERS: dict[str, Any] = {
    "default": {"BACKEND": "bedplate.django.outbox.backend.EmailBackend"},
    "transport": transport(ENVIRONMENT, caught_in=CAUGHT_MAIL_DIRECTORY),
}
EMAIL_SUBJECT_PREFIX = f"[{ENVIRONMENT.project_name} {ENVIRONMENT.environment}] "  # of mail to ADMINS
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.default_from_email
ADMINS = [ENVIRONMENT.admin_email] if ENVIRONMENT.admin_email else []

# Security

SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.SELF],
    "form-action": [CSP.SELF, *ENVIRONMENT.oidc_origin],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
# nginx overwrites X-Forwarded-Proto, so it can be trusted; embedded mode has no trusted proxy.
SECURE_PROXY_SSL_HEADER = None if ENVIRONMENT.embedded else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.https
# Cookies are shared between ports: with the same names, another project on 127.0.0.1 would log users out here.
SESSION_COOKIE_NAME = f"{ENVIRONMENT.compose_project_name}_session"
CSRF_COOKIE_NAME = f"{ENVIRONMENT.compose_project_name}_csrf"
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 31_536_000 if ENVIRONMENT.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENVIRONMENT.https and ENVIRONMENT.hsts_include_subdomains
SECURE_HSTS_PRELOAD = ENVIRONMENT.https and ENVIRONMENT.hsts_preload
# "check --deploy" warns while both are off. They affect other sites of the domain: library/docs/how-to/first-server.md
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Frontend

# Vite's server in LOCAL, built assets elsewhere. Without web/frontend there is no frontend.
VITE_SERVES = DEBUG and not ENVIRONMENT.embedded
VITE_MANIFEST = BASE_DIRECTORY / "static" / "dist" / "manifest.json"
FRONTEND = (BASE_DIRECTORY / "frontend").is_dir() if VITE_SERVES else VITE_MANIFEST.is_file()
DJANGO_VITE = {
    "default": {
        "dev_mode": VITE_SERVES,
        "static_url_prefix": "dist",
        "manifest_path": VITE_MANIFEST,
        "app_client_class": "bedplate.django.vite.SameOriginClient",
    }
}
if FRONTEND:
    INSTALLED_APPS.append("django_vite")
if VITE_SERVES:  # Vite's client uses a worker while its server restarts
    SECURE_CSP["worker-src"] = [CSP.SELF, "blob:"]

# API: without web/api there is none.

if (BASE_DIRECTORY / "api").is_dir():
    INSTALLED_APPS += ["bedplate.django.api", "ninja"]
    MIDDLEWARE.insert(1, "bedplate.django.api.middleware.ApiMiddleware")

DEBUG_TOOLBAR_CONFIG = use_debug_toolbar(ENVIRONMENT, INSTALLED_APPS, MIDDLEWARE)

# Background tasks (https://docs.celeryq.dev/en/stable/userguide/configuration.html)

TASKS_APPLICATION = "config.celery"
CELERY_TASK_IGNORE_RESULT = True  # the TaskRun has the result
CELERY_TASK_ACKS_LATE = True  # acknowledge a task when it has finished:
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # a killed worker's task runs again
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_PRIORITY = 6  # with Valkey, 0 comes first and 9 last: 0 are tasks that a lost machine had begun
CELERY_TASK_TIME_LIMIT = ENVIRONMENT.task_time_limit
CELERY_TASK_SOFT_TIME_LIMIT = ENVIRONMENT.task_time_limit - 30
# Unacknowledged tasks are redelivered after the visibility timeout: it must be longer than every time limit.
CELERY_VISIBILITY_TIMEOUT = ENVIRONMENT.task_time_limit + 600
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = services.task_queue(
    ENVIRONMENT, visibility_timeout=CELERY_VISIBILITY_TIMEOUT
)
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker without limit
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False  # they continue: see bedplate.django.broker
# Seconds after which the task of a killed process is requeued. (With Valkey it is requeued immediately.)
CELERY_WORKER_LOST_WAIT = 1
# Seconds that a stopping worker waits for its tasks, before it requeues them.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 1 if ENVIRONMENT.embedded else 10
# For monitors. Embedded mode has none: events and commands would accumulate as files.
CELERY_WORKER_SEND_TASK_EVENTS = CELERY_TASK_SEND_SENT_EVENT = not ENVIRONMENT.embedded
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not ENVIRONMENT.embedded
CELERY_TIMEZONE = TIME_ZONE

# Logs, and errors

configure_sentry(ENVIRONMENT)
LOGGING_CONFIG = None
configure_logging(level=ENVIRONMENT.log_level, log_format=ENVIRONMENT.log_format, mail_admins=bool(ADMINS))
