"""Parser of EMAIL_URL."""

from typing import Any
from urllib.parse import parse_qsl, unquote

_BACKENDS = "django.core.mail.backends"
SMTP = f"{_BACKENDS}.smtp.EmailBackend"
BACKENDS = {
    **dict.fromkeys(("smtp", "smtps", "smtp+tls", "smtp+ssl"), SMTP),
    "consolemail": f"{_BACKENDS}.console.EmailBackend",
    "filemail": f"{_BACKENDS}.filebased.EmailBackend",
    "memorymail": f"{_BACKENDS}.locmem.EmailBackend",
    "dummymail": f"{_BACKENDS}.dummy.EmailBackend",
}
OFF = ("0", "false", "off", "no")
TLS, SSL = "EMAIL_USE_TLS", "EMAIL_USE_SSL"  # STARTTLS after a plain greeting; TLS from the first byte
ENCRYPTION = {"smtps": SSL, "smtp+tls": TLS, "smtp+ssl": SSL}
PORTS = {None: 25, TLS: 587, SSL: 465}
STARTTLS_PORTS = (25, 587)  # servers speak no TLS from the first byte there
MAX_PORT = 65_535


def parse_mail_url(url: str) -> dict[str, Any]:
    """Return Django's EMAIL_* settings for a URL such as `smtp+tls://user:password@host:587`.

    User and password may contain any character: the last `@` ends them, and they are percent-decoded. `smtps` (and
    `smtp+ssl`) is TLS from the first byte, as on port 465, and `smtp+tls` is STARTTLS. `?email_use_tls=1` and
    `?email_use_ssl=1` turn on encryption, too. Raises ValueError for an unknown scheme, a missing host, an invalid port
    and contradictory encryption.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in BACKENDS:
        raise ValueError
    backend = BACKENDS[scheme]
    if backend != SMTP:
        folder = unquote(rest.split("?")[0].removeprefix("/"))
        return {"EMAIL_BACKEND": backend, "EMAIL_FILE_PATH": folder, "EMAIL_HOST": ""}
    credentials, at, server = rest.rpartition("@")
    user, colon, password = credentials.partition(":")
    server, _, query = server.partition("?")
    host, port = _split_port(server.removesuffix("/"))
    encryption = _choose_encryption(scheme, port, query)
    return {
        "EMAIL_BACKEND": backend,
        "EMAIL_HOST": host,
        "EMAIL_PORT": port or PORTS[encryption],
        "EMAIL_HOST_USER": unquote(user) if at else None,
        "EMAIL_HOST_PASSWORD": unquote(password) if colon else None,
        **({encryption: True} if encryption else {}),
    }


def _split_port(server: str) -> tuple[str, int | None]:
    """Return host and port. Raises ValueError."""
    if server.startswith("["):  # an IPv6 address
        host, bracket, rest = server[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or colon not in ("", ":"):
            raise ValueError
    else:
        host, colon, port = server.partition(":")
    if not host or not all(character.isalnum() or character in "-._:%" for character in host):
        raise ValueError
    if not colon:
        return host, None
    if not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise ValueError
    return host, int(port)


def _choose_encryption(scheme: str, port: int | None, query: str) -> str | None:
    """Return the setting to turn on, None for no encryption. Raises ValueError if two are on."""
    flags = {
        name.upper(): value.lower() not in OFF for name, value in parse_qsl(query, keep_blank_values=True)
    }
    if flags.keys() - {TLS, SSL}:
        raise ValueError
    encryption = ENCRYPTION.get(scheme)
    if scheme == "smtps" and port in STARTTLS_PORTS:
        encryption = TLS
    chosen = {name: name == encryption for name in (TLS, SSL)} | flags
    if all(chosen.values()):
        raise ValueError
    return next((name for name, is_on in chosen.items() if is_on), None)
