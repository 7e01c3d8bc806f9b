"""Who sends a request, as far as the gateway must know to share its threads fairly: a user, or else a network."""

import hashlib
import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, parse_cookie

from core.bounded_cache import BoundedCache
from core.client_ip import get_client_network
from picard.server.wsgi import Scope

MAX_REMEMBERED = 10_000
REMEMBER_S = 60.0  # so that a credential that was revoked soon stops to count as its user
HEALTH_PATHS = frozenset(
    {"/healthz", "/health", "/readyz", "/metrics"}
)  # which monitoring polls every few seconds
TOKEN_PATHS = re.compile(r"/(?:api|mcp)(?:/|$)")
MONITORING = (
    "monitoring"  # a client of its own in each network: nobody delays the monitoring of another network
)


class ClientDirectory:
    """Finds the client of a request. A user is one client, with all their sessions and apps."""

    def __init__(self, look_up: Callable[[str], str | None] | None = None) -> None:
        """look_up: returns the user of a credential."""
        self._look_up = look_up or look_up_user
        self._remembered = BoundedCache[bytes, str](MAX_REMEMBERED, REMEMBER_S)
        self._secret = secrets.token_bytes(16)

    def find(self, scope: Scope) -> tuple[str, str | None]:
        """Return the client, and the credential that `identify` must look up first, if any."""
        if scope["path"] in HEALTH_PATHS:
            return f"{MONITORING} {get_network(scope)}", None
        credential = read_credential(scope)
        if credential is None:
            return get_network(scope), None
        user = self._remembered.get(self._hash(credential))
        return (get_network(scope), credential) if user is None else (user, None)

    def identify(self, credential: str) -> str | None:
        """Return the user whose credential this is, None if it is nobody's. Reads the database."""
        user = self._look_up(credential)
        return None if user is None else f"user {user}"

    def remember(self, credential: str, user: str) -> None:
        self._remembered.store(self._hash(credential), user)

    def _hash(self, credential: str) -> bytes:
        return hashlib.blake2b(credential.encode(), digest_size=16, key=self._secret).digest()


def get_network(scope: Scope) -> str:
    """Return the client of a request without a user's credential."""
    request = HttpRequest()
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    request.META = {
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "HTTP_X_FORWARDED_FOR": b",".join(forwarded).decode("latin-1"),
    }
    return f"network {get_client_network(request)}"


def read_credential(scope: Scope) -> str | None:
    """Return the access token or session by which Django will authenticate the request, unverified."""
    headers = dict(scope["headers"])
    if TOKEN_PATHS.match(scope["path"]) and (header := headers.get(b"authorization")):
        kind, _blank, token = header.decode("latin-1").partition(" ")
        return f"token {token.strip()}" if kind.lower() == "bearer" and token.strip() else None
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    key = parse_cookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    return f"session {key}" if key else None


def look_up_user(credential: str) -> str | None:
    """Return the id of the user who is authenticated by the credential."""
    from django.contrib.auth import get_user  # imported late: models must be loaded
    from django.db.models.functions import Now

    from accounts.sessions.backend import SessionStore
    from oauth.tokens.families import AccessToken, compute_checksum

    kind, _blank, secret = credential.partition(" ")
    if kind == "token":
        valid = AccessToken.objects.filter(token_checksum=compute_checksum(secret), expires__gt=Now())
        user_id = valid.values_list("user_id", flat=True).first()
        return None if user_id is None else str(user_id)
    request = HttpRequest()
    request.session = SessionStore(secret)
    user = get_user(request)
    return str(user.pk) if user.is_authenticated else None
