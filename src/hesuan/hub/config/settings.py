"""Django's settings, all derived from :mod:`hesuan.hub.config.environment`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url

from hesuan.hub.config import environment

ENVIRONMENT = environment.read()
MODE = ENVIRONMENT.mode
PRODUCTION = ENVIRONMENT.mode == "production"
DATA_DIR = ENVIRONMENT.data_dir
LOG_DIR = ENVIRONMENT.log_dir
DEBUG = False
TRUSTED_PROXIES = list(ENVIRONMENT.trusted_proxies)
SECRET_KEY = ENVIRONMENT.secret_key
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)

_HUB = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "django_tasks",
    "hesuan.hub.audit",
    "hesuan.hub.identity",
    "hesuan.hub.flags",
    "hesuan.hub.ledger",
    "hesuan.hub.registry",
    "hesuan.hub.files",
    "hesuan.hub.centres",
    "hesuan.hub.programmes",
    "hesuan.hub.planning",
    "hesuan.hub.market",
    "hesuan.hub.runs",
    "hesuan.hub.metering",
    "hesuan.hub.settlement",
    "hesuan.hub.disclosure",
    "hesuan.hub.gateway",
    "hesuan.hub.worker",
    "hesuan.hub.api",
    "hesuan.hub.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "hesuan.hub.console.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "hesuan.hub.api.rates.AddressRateMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hesuan.hub.identity.row_security.RowSecurityMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "hesuan.hub.identity.middleware.SecondFactorMiddleware",
    "hesuan.hub.console.middleware.ErrorPageMiddleware",
]

ROOT_URLCONF = "hesuan.hub.config.urls"
ASGI_APPLICATION = "hesuan.hub.config.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HUB / "console" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hesuan.hub.console.context.shell",
            ]
        },
    }
]


def _database() -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(ENVIRONMENT.database_url))
    if database["ENGINE"] == "django.db.backends.postgresql":
        database["ENGINE"] = "hesuan.hub.identity.postgresql"  # tells the database for whom it reads
        # Shared by requests alone; see the engine. Each is asked whether it lives before it is handed on.
        shared = {"min_size": 1, "max_size": ENVIRONMENT.database_connections, "timeout": 10}
        database["OPTIONS"] = {**database.get("OPTIONS", {}), "pool": shared}
        database["CONN_HEALTH_CHECKS"] = True
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # One writer at a time, decided when the transaction begins: a read that turns into a write
        # half-way would otherwise fail at once instead of waiting. FULL: an answered fen is on disk
        # (tests, whose database is thrown away, do not wait for the disk).
        synchronous = "OFF" if ENVIRONMENT.mode == "test" else "FULL"
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;"
            f"PRAGMA synchronous={synchronous};",
        }
        # Tests use a file too: in memory, threads would share one cache and meet locks that never wait.
        database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "identity.Identity"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if ENVIRONMENT.mode == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Mail. Without a server for it no page asks for an address or promises a message.
_MAIL = urlsplit(ENVIRONMENT.email_url)
EMAIL_CONFIGURED = bool(ENVIRONMENT.email_url)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_CONFIGURED else 'console'}.EmailBackend"
EMAIL_HOST = _MAIL.hostname or ""
EMAIL_PORT = _MAIL.port or {"smtp+tls": 587, "smtps": 465}.get(_MAIL.scheme, 25)
EMAIL_HOST_USER = unquote(_MAIL.username or "")
EMAIL_HOST_PASSWORD = unquote(_MAIL.password or "")
EMAIL_USE_TLS = _MAIL.scheme == "smtp+tls"
EMAIL_USE_SSL = _MAIL.scheme == "smtps"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.email_from or "hesuan@localhost"

# Local accounts: a sign-in name and a password. A new account belongs to no organisation and sees nothing.
ACCOUNT_ADAPTER = "hesuan.hub.identity.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", *(["email"] if EMAIL_CONFIGURED else []), "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional" if EMAIL_CONFIGURED else "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Hesuan] "
ACCOUNT_USERNAME_MIN_LENGTH = 3
ACCOUNT_USERNAME_BLACKLIST = ["admin", "administrator", "hesuan", "operator", "platform", "root", "system"]
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
SIGNUP_OPEN = ENVIRONMENT.signup_open
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

# The second factor: an app for one-time passwords, and recovery codes.
MFA_ADAPTER = "hesuan.hub.identity.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "合算 Hesuan"
MFA_TOTP_TOLERANCE = 0  # allauth forgets a used code after one step; tolerating the next would let it return
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an address is neither a name to sign in by nor a way to reset a factor
REQUIRE_MFA = ENVIRONMENT.require_mfa

# Used one-time codes and ID tokens, and attempts to sign in: known to every web process.
CACHES = {"default": {"BACKEND": "hesuan.hub.identity.remembering.SharedCache"}}

# Requests a minute, of the whole installation; see identity/limits.py.
RATE_LIMITS = {
    "token": ENVIRONMENT.rate_per_token,
    "organisation": ENVIRONMENT.rate_per_organisation,
    "address": ENVIRONMENT.rate_per_address,
}

# Documents people send. They lie in the data folder and have no address of their own.
UPLOAD_MAX_BYTES = ENVIRONMENT.upload_max_bytes
RUN_LOG_BYTES = ENVIRONMENT.run_log_bytes
FILE_BYTES = ENVIRONMENT.file_bytes
FILES_BYTES = ENVIRONMENT.files_bytes
RUN_OUTPUT_BYTES = ENVIRONMENT.run_output_bytes
FILE_UPLOAD_HANDLERS = ["hesuan.hub.console.uploads.BoundedUploadHandler"]
UPLOADS_PER_ORGANISATION = ENVIRONMENT.uploads_per_organisation
UPLOAD_BYTES_PER_ORGANISATION = ENVIRONMENT.upload_bytes_per_organisation


def single_sign_on(issuer: str, client_id: str, client_secret: str) -> dict[str, Any]:
    """allauth's providers: the configured issuer, or none at all."""
    if not issuer:
        return {}
    app = {
        "provider_id": "oidc",
        "name": urlsplit(issuer).hostname or "OpenID Connect",
        "client_id": client_id,
        "secret": client_secret,
        "settings": {"server_url": issuer.rstrip("/")},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


SOCIALACCOUNT_ADAPTER = "hesuan.hub.identity.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = single_sign_on(
    ENVIRONMENT.oidc_issuer, ENVIRONMENT.oidc_client_id, ENVIRONMENT.oidc_client_secret
)

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LOCALE_PATHS = [DATA_DIR / "locale"]  # compiled at start from console/locale: no binaries in the repository
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = not PRODUCTION

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "hesuan.hub.console.views.pages.csrf_failure"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = PRODUCTION
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-hesuan-session"
    CSRF_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-hesuan-csrf"
    # Whether a request came by HTTPS is what the server says, which believes X-Forwarded-Proto of
    # TRUSTED_PROXIES alone; Django's own setting for that header would believe anybody.
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = ENVIRONMENT.hsts_subdomains
    CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
