"""Parser of EMAIL_URL."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_BACKENDS = "django.core.mail.backends"
BACKENDS = {
    **dict.fromkeys(("smtp", "smtps", "smtp+tls", "smtp+ssl"), f"{_BACKENDS}.smtp.EmailBackend"),
    "consolemail": f"{_BACKENDS}.console.EmailBackend",
    "filemail": f"{_BACKENDS}.filebased.EmailBackend",
    "memorymail": f"{_BACKENDS}.locmem.EmailBackend",
    "dummymail": f"{_BACKENDS}.dummy.EmailBackend",
}
OFF = ("0", "false", "off", "no")
ENCRYPTION = {"smtps": "EMAIL_USE_TLS", "smtp+tls": "EMAIL_USE_TLS", "smtp+ssl": "EMAIL_USE_SSL"}


def parse_mail_url(url: str) -> dict[str, Any]:
    """Return Django's EMAIL_* settings for a URL such as `smtp+tls://user:password@host:587`.

    `?email_use_tls=1` and `?email_use_ssl=1` turn on encryption, too. Raises ValueError for an unknown scheme or an
    invalid port.
    """
    parts = urlsplit(url)
    if parts.scheme not in BACKENDS:
        raise ValueError
    flags = {name.upper(): value.lower() not in OFF for name, value in parse_qsl(parts.query)}
    return {
        "EMAIL_BACKEND": BACKENDS[parts.scheme],
        "EMAIL_FILE_PATH": unquote(parts.path[1:]),
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port,  # None: the protocol's default
        "EMAIL_HOST_USER": _unquote(parts.username),
        "EMAIL_HOST_PASSWORD": _unquote(parts.password),
        **({ENCRYPTION[parts.scheme]: True} if parts.scheme in ENCRYPTION else {}),
        **{name: flags[name] for name in ("EMAIL_USE_TLS", "EMAIL_USE_SSL") if name in flags},
    }


def _unquote(part: str | None) -> str | None:
    return None if part is None else unquote(part)
