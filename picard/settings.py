"""All settings of Picard. Each variable is documented in docs/configuration.md (checked by a test)."""

import secrets
import sys
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from csp.constants import NONE, SELF

from accounts.openid.config import load_openid_settings
from accounts.settings import build_cache_settings, build_login_settings
from core.db.roles import Role, choose_role
from core.hosts import LOOPBACK_HOSTS_IN_URLS
from memories import scopes
from memories.api.settings import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401
from memories.providers.chat_settings import load_chat_settings
from oauth.settings import build_provider_settings
from picard.config.databases import build_replica_login, describe_schema, go_past_pooler
from picard.config.env import Environment, drop_libpq_variables
from picard.config.languages import ENGLISH_PATHS, list_languages  # noqa: F401
from picard.config.log_config import logging_settings
from picard.config.paths import PROJECT, get_picard_home
from picard.postgres.manager import APP_DATABASE, ROLES

env = Environment()
ENV_FILE = env.read_file()  # the environment has priority
FAULTS_OF_VARIABLES = env.faults  # reported by picard/config/checks.py

# --- Server ----------------------------------------------------------------------------------------
BASE_DIR = PROJECT
PICARD_HOME = get_picard_home()
DEBUG = env.bool("DEBUG", default=False)
PORT = env.int("PORT", default=8000)
BIND = env.str("BIND", default="127.0.0.1")  # the address that the web server listens on
EMBEDDED = not env.str("DATABASE_URL", default="")
if EMBEDDED:
    drop_libpq_variables()
_local_url = f"http://127.0.0.1:{PORT}" if EMBEDDED or DEBUG else ""
PUBLIC_URL = env.read_origin("PUBLIC_URL", default=_local_url)
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = [
    *filter(None, env.list("ALLOWED_HOSTS", default=[_public.hostname] if _public.hostname else [])),
    *LOOPBACK_HOSTS_IN_URLS,  # health checks
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if _public.scheme == "https" else []
WEB_WORKERS = env.int("WEB_WORKERS", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=4)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # empty: /metrics returns 404
SECURITY_CONTACT = env.str("SECURITY_CONTACT", default="")  # empty: /.well-known/security.txt returns 404

# --- Secrets: from the environment, from files, or (embedded) generated once in PICARD_HOME/keys -----
KEYS_HOME = PICARD_HOME / "keys"
# These commands need no keys: the first generates them, the second runs while an image is built.
TOUCHES_NO_DATA = sys.argv[1:3] == ["keys", "generate"] or sys.argv[1:2] == ["collectstatic"]


def _load_secret(name: str, generated: str) -> str:
    return generated if TOUCHES_NO_DATA else env.read_secret(name, KEYS_HOME if EMBEDDED else None, generated)


SECRET_KEY = _load_secret("SECRET_KEY", secrets.token_urlsafe(48))
# Master keys that wrap each user's data key. The first one encrypts, all of them decrypt (docs/security.md).
_master_keys = _load_secret("FIELD_ENCRYPTION_KEY", Fernet.generate_key().decode()).split(",")
FIELD_ENCRYPTION_KEY = [key.strip() for key in _master_keys if key.strip()]

# --- Applications ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "picard",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "accounts",
    "oauth",
    "oauth2_provider",
    "memories",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "picard.observability.middleware.RequestIdMiddleware",
    "picard.server.cors.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.web.content_security_policy.ContentSecurityPolicyMiddleware",
    "core.web.page_language.LanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.SessionUserMiddleware",
    "accounts.middleware.PersonMiddleware",
    "accounts.middleware.WorkBudgetMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "oauth.consent.pending_request.PendingRequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "picard.urls"
WSGI_APPLICATION = "picard.wsgi.application"
ASGI_APPLICATION = "picard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "core.web.folded_templates.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["core.web.template_tags"],
            "libraries": {"memory_row": "memories.web.row_html"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "picard.web.context.site_context",
            ],
        },
    }
]

# --- Database: DATABASE_URL, or an embedded PostgreSQL in PICARD_HOME ----------------------------------
# Without SYSTEM_DATABASE_URL and MIGRATE_DATABASE_URL, DATABASE_URL has the rights of all three roles.
# With DATABASE_POOLED, DATABASE_URL leads to a pooler of transactions, and DATABASE_DIRECT_URL past it.
DATABASE_POOLED = env.bool("DATABASE_POOLED", default=False)
DATABASE_DIRECT = env.db("DATABASE_DIRECT_URL") if env.str("DATABASE_DIRECT_URL", default="") else {}
_role = choose_role(sys.argv)
DATABASE_LOGINS: dict[Role, dict[str, Any]]
if EMBEDDED:
    DATABASE_LOGINS = {role: {"NAME": APP_DATABASE, "USER": user} for role, user in ROLES.items()}
else:
    _web = env.db("DATABASE_URL", "WEB_DATABASE_PASSWORD")
    DATABASE_LOGINS = {
        Role.WEB: _web,
        Role.SYSTEM: env.db("SYSTEM_DATABASE_URL", "SYSTEM_DATABASE_PASSWORD")
        if env.str("SYSTEM_DATABASE_URL", default="")
        else _web,
        Role.OWNER: env.db("MIGRATE_DATABASE_URL") if env.str("MIGRATE_DATABASE_URL", default="") else _web,
    }
DATABASE_POOLER = {**DATABASE_LOGINS[Role.WEB], "POOLED": True} if DATABASE_POOLED else {}
if DATABASE_POOLED:
    DATABASE_LOGINS = go_past_pooler(DATABASE_LOGINS, DATABASE_DIRECT, _role)
DATABASES = {
    "default": {
        "ENGINE": "picard.database",
        "EMBEDDED_HOME": PICARD_HOME / "postgres" if EMBEDDED else None,
        "LOGINS": {**DATABASE_LOGINS},
        "ROLE": _role,
        **DATABASE_LOGINS[Role.WEB],
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
# A standby for reads (core/db/standby.py), through the same kind of connection as the web server's.
DATABASE_REPLICA = bool(env.str("DATABASE_REPLICA_URL", default=""))
DATABASE_REPLICA_WAIT_MS = env.int("DATABASE_REPLICA_WAIT_MS", default=20)  # for a standby that is behind
if DATABASE_REPLICA:
    _replica = build_replica_login(env.db("DATABASE_REPLICA_URL"), DATABASE_LOGINS[Role.WEB])
    DATABASES["replica"] = {
        **DATABASES["default"],
        **_replica,
        "EMBEDDED_HOME": None,
        "LOGINS": dict.fromkeys(Role, _replica),
        "ROLE": Role.WEB,
    }
STATEMENT_TIMEOUT_S = env.float(
    "STATEMENT_TIMEOUT_S", default=15.0
)  # of the web server (core/db/time_limits.py)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = build_cache_settings()

# --- Users -----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.login.backend.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "accounts.login.hashers.BoundedArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
]
SIGNUP = env.str("SIGNUP", default="open")  # open, invite or closed
LOGIN_URL, LOGIN_REDIRECT_URL = "account_login", "memories:list"
OPENID = load_openid_settings(env)  # log-in by an OpenID provider, off by default (accounts/openid/config.py)
DELETION_DAYS = env.int("DELETION_DAYS", default=14)  # in which a closed account can be restored

# --- Apps (oauth/settings.py, docs/oauth.md) -------------------------------------------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth.Application"
OAUTH_REDIRECT_SCHEMES = frozenset(env.str("OAUTH_REDIRECT_SCHEMES", default="").lower().split())
OAUTH2_PROVIDER = build_provider_settings(env, PUBLIC_URL, scopes.DESCRIPTIONS, scopes.FOR_EVERY_APP)
OAUTH_SCOPES_FOR_EVERY_APP = scopes.FOR_EVERY_APP
OAUTH_SCOPES_BY_EXTRA_TICK, OAUTH_SCOPES_BY_ADMINISTRATOR = scopes.BY_EXTRA_TICK, scopes.BY_ADMINISTRATOR
PERSONAL_TOKENS = env.bool("PERSONAL_TOKENS", default=True)  # whether users can create and use them
SILENCED_SYSTEM_CHECKS = [
    "oauth2_provider.W008"
]  # http redirect URIs: only loopback (oauth/redirect_uris.py)

# --- E-mail: without EMAIL_URL, e-mails are saved as files in PICARD_HOME/mail ------------------------
HAS_MAIL = bool(env.str("EMAIL_URL", default=""))
EMAIL_TIMEOUT = 10  # seconds for each step of the SMTP dialog, during which the user waits
if HAS_MAIL:
    _mail = env.email_url("EMAIL_URL")
    vars().update(_mail)
    # The worker sends what the other processes queue.
    MAIL_TRANSPORT, EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", ""), "accounts.mail.backend.QueueBackend"
else:
    MAIL_TRANSPORT = EMAIL_BACKEND = "picard.web.file_mail.PrivateFileBackend"
    EMAIL_FILE_PATH = PICARD_HOME / "mail"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"picard@{_public.hostname or 'localhost'}")
vars().update(build_login_settings(PUBLIC_URL, has_mail=HAS_MAIL))

# --- Memories ---------------------------------------------------------------------------------------
EMBEDDING_PROVIDER = env.str("EMBEDDING_PROVIDER", default="local")  # local, openai, or a dotted path
EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", default="text-embedding-3-small")  # openai only
EMBEDDING_DIMENSIONS = env.int("EMBEDDING_DIMENSIONS", default=384)  # `manage.py resize_vectors` changes it
DATABASE_SCHEMA = describe_schema(EMBEDDING_DIMENSIONS)
EMBEDDING_MODEL_DIMENSIONS = env.int(
    "EMBEDDING_MODEL_DIMENSIONS", default=0
)  # if it returns only longer vectors
EMBEDDING_TIMEOUT_S = env.float("EMBEDDING_TIMEOUT_S", default=10.0)
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="")  # empty: OpenAI's
CHAT = load_chat_settings(env)  # chat model of personas, off by default (memories/providers/chat_settings.py)
MEMORY_VECTORS_MB = env.int("MEMORY_VECTORS_MB", default=0)  # a process (memories/search/cache); 0: none
SEARCH_LANGUAGE = env.str("SEARCH_LANGUAGE", default="english")  # a Snowball stemmer's name
MEMORIES_PER_PERSON = env.int("MEMORIES_PER_PERSON", default=200_000)  # 0: no limit, also of the next two
TAGS_PER_PERSON = env.int("TAGS_PER_PERSON", default=60_000)
REVISIONS_PER_PERSON = env.int("REVISIONS_PER_PERSON", default=500_000)
TRASH_DAYS = env.int("TRASH_DAYS", default=30)
AUDIT_DAYS = env.int("AUDIT_DAYS", default=365)
INDEXING_FIRST_WAIT_S = env.float("INDEXING_FIRST_WAIT_S", default=1.0)  # doubles with each attempt
INDEXING_MAX_ATTEMPTS = env.int("INDEXING_MAX_ATTEMPTS", default=12)

# --- The REST API (memories/api/settings.py) ------------------------------------------------------------
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=600)  # per user and app
WORK_SECONDS_PER_MINUTE = env.float("WORK_SECONDS_PER_MINUTE", default=40.0)  # per user; 0: no limit
READS_PER_APP_PER_DAY = env.int("READS_PER_APP_PER_DAY", default=500_000)  # memories, per user and app
API_ANONYMOUS_PER_MINUTE = env.int("API_ANONYMOUS_PER_MINUTE", default=60)  # per IP address
MCP_ORIGINS = env.str("MCP_ORIGINS", default="").split()  # other sites whose pages may access /mcp

# --- Language and time --------------------------------------------------------------------------------
LANGUAGE_CODE, TIME_ZONE, USE_I18N, USE_TZ = "en", "UTC", True, True
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGES = list_languages(LOCALE_PATHS[0])
FORMAT_MODULE_PATH = "picard.config.formats"  # of languages for which Django has none
LANGUAGE_COOKIE_NAME, LANGUAGE_COOKIE_AGE = "picard_language", 365 * 24 * 3600

# --- Files ------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes of a form
FILE_UPLOAD_HANDLERS = ["memories.web.upload_handlers.UnnamedFileHandler"]
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=10_000_000)  # the gateway returns 413 above
MAX_IMPORT_BYTES = env.int("MAX_IMPORT_BYTES", default=1_000_000_000)  # of an imported file

# --- Browser security ----------------------------------------------------------------------------------
_https = _public.scheme == "https"
TRUSTED_PROXY_HOPS = env.int("TRUSTED_PROXY_HOPS", default=0)  # number of trusted proxies in front
if TRUSTED_PROXY_HOPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_HOPS  # for the client's IP address in log-in limits
# Without the header of a trusted proxy, every request would look like http.
SECURE_SSL_REDIRECT = _https and TRUSTED_PROXY_HOPS > 0
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^health$", r"^readyz$", r"^metrics$"]  # for internal monitoring
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _https else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_WIDE", default=False)
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "__Host-session" if _https else "picard_session"
SESSION_ENGINE = "accounts.sessions.backend"
CSRF_COOKIE_NAME = "__Host-csrf" if _https else "picard_csrf"
_self_only = ("script-src", "style-src", "font-src", "connect-src", "manifest-src", "form-action")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        **{name: [NONE] for name in ("default-src", "base-uri", "frame-ancestors")},
        **{name: [SELF] for name in _self_only},
        "img-src": [SELF, "data:"],
    }
}

# --- Logs: one JSON object per line, without texts, tokens and query strings (picard/config/log_config.py) ----------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOGGING = logging_settings(LOG_LEVEL)
