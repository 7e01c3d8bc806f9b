"""Settings of Notes, from the environment or .env."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import environ

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("NOTES_HOME", HERE.parent))

env = environ.Env()
env.read_env(HOME / ".env")

PICARD_URL = env("PICARD_URL").rstrip("/")
PICARD_CLIENT_ID = env("PICARD_CLIENT_ID")
PICARD_CLIENT_SECRET = env("PICARD_CLIENT_SECRET")
PICARD_SCOPES = "memories:read memories:write"
PICARD_TIMEOUT_S = 10.0
NOTES_URL = env("NOTES_URL").rstrip("/")
NOTES_TOKEN_KEY = env("NOTES_TOKEN_KEY")

SECRET_KEY = env("NOTES_SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = [urlsplit(NOTES_URL).hostname]
CSRF_TRUSTED_ORIGINS = [NOTES_URL]  # a proxy in front terminates TLS
ROOT_URLCONF = "notes.urls"
INSTALLED_APPS = ["django.contrib.sessions", "notes"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "notes.problems.Problems",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "notes.sqlite3",
        # Lock the database when a transaction starts: connections.py refreshes tokens inside one.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

# Cookies are not isolated by port: on one machine, Picard's cookies would collide with ours.
SESSION_COOKIE_NAME = "notes_session"
CSRF_COOKIE_NAME = "notes_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = NOTES_URL.startswith("https://")
SECURE_REFERRER_POLICY = "same-origin"
# Request logs would contain the authorization code that Picard sends to /callback/.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {name: {"level": "ERROR"} for name in ("django.server", "httpx2")},
}
