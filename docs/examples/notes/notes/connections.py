"""Log-in with Picard: authorization code flow with PKCE (S256), state, iss, resource; token refresh and revocation."""

import secrets
from functools import cache
from typing import Any
from uuid import UUID

import httpx2  # Authlib uses it too, and passes its errors through
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from notes.errors import AccessEnded, AuthorizationFailed, PicardDown
from notes.models import Connection

PENDING_KEY = "asked"  # session key: state and verifier of a pending authorization request
CONNECTION_KEY = "person"  # session key: primary key of the logged-in user's connection
RESOURCE = f"{settings.PICARD_URL}/api"
NETWORK_ERRORS = (httpx2.TransportError, httpx2.HTTPStatusError)


def start_authorization(request: HttpRequest) -> str:
    """Return the URL of the authorization request to redirect the browser to."""
    verifier = secrets.token_urlsafe(48)
    with _create_client() as client:
        url, state = client.create_authorization_url(
            _get_endpoint("authorization_endpoint"), code_verifier=verifier, resource=RESOURCE
        )
    request.session[PENDING_KEY] = {"state": state, "verifier": verifier}
    return str(url)


def complete_authorization(request: HttpRequest) -> Connection:
    """Validate the callback, redeem its code and log the user in. Raises AuthorizationFailed, PicardDown."""
    pending = request.session.pop(PENDING_KEY, None)
    if pending is None or not secrets.compare_digest(pending["state"], request.GET.get("state", "")):
        raise AuthorizationFailed("This browser has no pending request with this state. Start again.")
    if request.GET.get("iss") != settings.PICARD_URL:
        raise AuthorizationFailed("The response comes from another server.")  # RFC 9207
    if "error" in request.GET:
        is_denied = request.GET["error"] == "access_denied"
        raise AuthorizationFailed(
            "You declined access." if is_denied else "Picard rejected the authorization request."
        )
    tokens = _redeem_code(request.GET.get("code", ""), pending["verifier"])
    person = _fetch_user(tokens)["person"]
    name = person["display_name"] or person["handle"] or "you"
    connection = _save_connection(UUID(person["id"]), name, tokens)
    request.session.cycle_key()
    request.session[CONNECTION_KEY] = connection.pk
    return connection


def get_connection(request: HttpRequest) -> Connection | None:
    return Connection.objects.filter(pk=request.session.get(CONNECTION_KEY)).first()


def get_access_token(connection: Connection, *, rejected: str = "") -> str:
    """Return a valid access token other than `rejected`. Raises AccessEnded, PicardDown.

    One request refreshes at a time; concurrent requests then read the token that it stored.
    """
    if connection.is_fresh and connection.tokens["access_token"] != rejected:
        return str(connection.tokens["access_token"])
    with transaction.atomic():  # known limit: SQLite locks the whole database during the refresh
        current = Connection.objects.filter(pk=connection.pk).first()
        if current is None:
            raise AccessEnded
        if not current.is_fresh or current.tokens["access_token"] == rejected:
            current.tokens = _refresh_tokens(current.tokens)
            current.save(update_fields=["sealed_tokens", "expires_at"])
    connection.sealed_tokens, connection.expires_at = current.sealed_tokens, current.expires_at
    return str(connection.tokens["access_token"])


def revoke_connection(connection: Connection) -> None:
    """Revoke the tokens (RFC 7009) and delete the connection. Raises PicardDown and keeps it if Picard is down."""
    try:
        with _create_client(connection.tokens) as client:
            response = client.revoke_token(
                _get_endpoint("revocation_endpoint"), token=connection.tokens["refresh_token"]
            )
            response.raise_for_status()
    except NETWORK_ERRORS:
        raise PicardDown from None
    connection.delete()


def _redeem_code(code: str, verifier: str) -> dict[str, Any]:
    try:
        with _create_client() as client:
            return dict(
                client.fetch_token(_get_endpoint("token_endpoint"), code=code, code_verifier=verifier)
            )
    except NETWORK_ERRORS:
        raise PicardDown from None
    except AuthlibBaseError:
        raise AuthorizationFailed("Picard rejected the authorization code. Start again.") from None


def _refresh_tokens(tokens: dict[str, Any]) -> dict[str, Any]:
    try:
        with _create_client(tokens) as client:
            return dict(client.refresh_token(_get_endpoint("token_endpoint"), tokens["refresh_token"]))
    except NETWORK_ERRORS:
        raise PicardDown from None
    except AuthlibBaseError:
        raise AccessEnded from None


def _fetch_user(tokens: dict[str, Any]) -> dict[str, Any]:
    try:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        response = httpx2.get(f"{RESOURCE}/v1/whoami/", headers=headers, timeout=settings.PICARD_TIMEOUT_S)
        response.raise_for_status()
    except NETWORK_ERRORS:
        raise PicardDown from None
    body: dict[str, Any] = response.json()
    return body


def _save_connection(person_id: UUID, name: str, tokens: dict[str, Any]) -> Connection:
    connection = Connection.objects.filter(person_id=person_id).first() or Connection(person_id=person_id)
    connection.name, connection.tokens = name, tokens
    connection.save()
    return connection


def _create_client(tokens: dict[str, Any] | None = None) -> OAuth2Client:
    return OAuth2Client(
        settings.PICARD_CLIENT_ID,
        settings.PICARD_CLIENT_SECRET,
        token=tokens,
        scope=settings.PICARD_SCOPES,
        redirect_uri=f"{settings.NOTES_URL}/callback/",
        code_challenge_method="S256",
        timeout=settings.PICARD_TIMEOUT_S,
    )


def _get_endpoint(name: str) -> str:
    return str(_fetch_metadata()[name])


@cache
def _fetch_metadata() -> dict[str, Any]:
    """Return the authorization server metadata (RFC 8414), which has every URL except PICARD_URL itself."""
    try:
        url = f"{settings.PICARD_URL}/.well-known/oauth-authorization-server"
        response = httpx2.get(url, timeout=settings.PICARD_TIMEOUT_S).raise_for_status()
    except NETWORK_ERRORS:
        raise PicardDown from None
    metadata: dict[str, Any] = response.json()
    if metadata["issuer"] != settings.PICARD_URL:
        raise AuthorizationFailed("The issuer in the server's metadata differs from PICARD_URL.")
    return metadata
