"""Well-known hosts, and the URLs under which clients know this server."""

from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"

# This machine, as written in URLs and Host headers, and as returned by `urlsplit(...).hostname`.
LOOPBACK_HOSTS_IN_URLS = ("127.0.0.1", "localhost", "[::1]")
LOOPBACK_HOSTS = frozenset(host.strip("[]") for host in LOOPBACK_HOSTS_IN_URLS)
DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port of a URL, in lower case and with the default port filled in."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port in (None, DEFAULT_PORTS.get(self.scheme)) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def is_loopback_host(host: str) -> bool:
    """Return whether a host, as in `urlsplit(...).hostname`, is this machine: localhost or a loopback address."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return (mapped or address).is_loopback


def is_web_url(url: str) -> bool:
    """Return whether this is an http or https URL with a host; it may have a user name, a path and a query."""
    try:
        parts = urlsplit(url)
        return parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@lru_cache(maxsize=256)
def parse_origin(url: str) -> Origin | None:
    """Return the origin of a URL without user information, None if it has none (RFC 6454 4)."""
    if not url.isascii() or not url.isprintable() or " " in url:  # urlsplit removes line breaks and tabs
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, parts.hostname, DEFAULT_PORTS.get(parts.scheme) if port is None else port)


def find_public_origin(url: str) -> str | None:
    """Return the origin of a URL of this server, None for other URLs.

    All loopback names are this machine: if PUBLIC_URL has one, the others are the same server, at the same port.
    """
    origin, public = parse_origin(url), parse_origin(settings.PUBLIC_URL)
    if origin is None or public is None:
        return None
    if {origin.host, public.host} <= LOOPBACK_HOSTS:
        public = public._replace(host=origin.host)
    return str(origin) if origin == public else None


def get_base_url(request: HttpRequest) -> str:
    """Return how the URLs in a response to this request start: PUBLIC_URL, on a loopback one with the requested name.

    Clients compare these URLs with the one that they were given, so `localhost` must not be answered by `127.0.0.1`.
    No other Host header is used, because the client controls it.
    """
    scheme = settings.PUBLIC_URL.partition(":")[0]
    return find_public_origin(f"{scheme}://{request.META.get('HTTP_HOST', '')}") or settings.PUBLIC_URL
