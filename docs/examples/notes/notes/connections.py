"""Signing in with Picard: authorization code, PKCE (S256), state, iss, resource; and keeping tokens fresh."""

import secrets
from functools import cache
from typing import Any
from uuid import UUID

import httpx2  # by which Authlib speaks, too: its errors come through
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from notes.errors import AccessEnded, PicardDown, WrongAnswer
from notes.models import Connection

ASKED = "asked"  # in the session: what was asked of Picard, until it answers
PERSON = "person"  # in the session: who is signed in
RESOURCE = f"{settings.PICARD_URL}/api"
AWAY = (httpx2.TransportError, httpx2.HTTPStatusError)


def begin(request: HttpRequest) -> str:
    """Where to send the browser."""
    verifier = secrets.token_urlsafe(48)
    with _client() as client:
        address, state = client.create_authorization_url(
            _found("authorization_endpoint"), code_verifier=verifier, resource=RESOURCE
        )
    request.session[ASKED] = {"state": state, "verifier": verifier}
    return str(address)


def finish(request: HttpRequest) -> Connection:
    """Of the answer in the address. Raises WrongAnswer, PicardDown."""
    asked = request.session.pop(ASKED, None)
    if asked is None or not secrets.compare_digest(asked["state"], request.GET.get("state", "")):
        raise WrongAnswer("The answer belongs to no question of this browser. Start again.")
    if request.GET.get("iss") != settings.PICARD_URL:
        raise WrongAnswer("The answer comes from another server than was asked.")  # RFC 9207
    if "error" in request.GET:
        said_no = request.GET["error"] == "access_denied"
        raise WrongAnswer("You said no." if said_no else "Picard refused the question.")
    tokens = _tokens_for(request.GET.get("code", ""), asked["verifier"])
    person = _whoami(tokens)["person"]
    name = person["display_name"] or person["handle"] or "you"
    connection = _keep(UUID(person["id"]), name, tokens)
    request.session.cycle_key()
    request.session[PERSON] = connection.pk
    return connection


def of(request: HttpRequest) -> Connection | None:
    return Connection.objects.filter(pk=request.session.get(PERSON)).first()


def access_token(connection: Connection, *, not_this: str = "") -> str:
    """One that works. Refreshed by one request at a time; the others then find what it got. Raises AccessEnded."""
    if connection.is_fresh and connection.tokens["access_token"] != not_this:
        return str(connection.tokens["access_token"])
    with transaction.atomic():  # the one who gets in first; an honest limit: SQLite locks everybody meanwhile
        now = Connection.objects.filter(pk=connection.pk).first()
        if now is None:
            raise AccessEnded
        if not now.is_fresh or now.tokens["access_token"] == not_this:
            now.tokens = _refreshed(now.tokens)
            now.save(update_fields=["sealed_tokens", "expires_at"])
    connection.sealed_tokens, connection.expires_at = now.sealed_tokens, now.expires_at
    return str(connection.tokens["access_token"])


def end(connection: Connection) -> None:
    """Give the tokens back (RFC 7009) and forget them."""
    try:
        with _client(connection.tokens) as client:
            given_back = client.revoke_token(
                _found("revocation_endpoint"), token=connection.tokens["refresh_token"]
            )
            given_back.raise_for_status()
    except AWAY:
        raise PicardDown from None
    connection.delete()


def _tokens_for(code: str, verifier: str) -> dict[str, Any]:
    try:
        with _client() as client:
            return dict(client.fetch_token(_found("token_endpoint"), code=code, code_verifier=verifier))
    except AWAY:
        raise PicardDown from None
    except AuthlibBaseError:
        raise WrongAnswer("Picard did not take the code. Start again.") from None


def _refreshed(tokens: dict[str, Any]) -> dict[str, Any]:
    try:
        with _client(tokens) as client:
            return dict(client.refresh_token(_found("token_endpoint"), tokens["refresh_token"]))
    except AWAY:
        raise PicardDown from None
    except AuthlibBaseError:
        raise AccessEnded from None


def _whoami(tokens: dict[str, Any]) -> dict[str, Any]:
    try:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = httpx2.get(f"{RESOURCE}/v1/whoami/", headers=headers, timeout=settings.PICARD_TIMEOUT_S)
        answer.raise_for_status()
    except AWAY:
        raise PicardDown from None
    said: dict[str, Any] = answer.json()
    return said


def _keep(person_id: UUID, name: str, tokens: dict[str, Any]) -> Connection:
    connection = Connection.objects.filter(person_id=person_id).first() or Connection(person_id=person_id)
    connection.name, connection.tokens = name, tokens
    connection.save()
    return connection


def _client(tokens: dict[str, Any] | None = None) -> OAuth2Client:
    return OAuth2Client(
        settings.PICARD_CLIENT_ID,
        settings.PICARD_CLIENT_SECRET,
        token=tokens,
        scope=settings.PICARD_SCOPES,
        redirect_uri=f"{settings.NOTES_URL}/callback/",
        code_challenge_method="S256",
        timeout=settings.PICARD_TIMEOUT_S,
    )


def _found(name: str) -> str:
    return str(_metadata()[name])


@cache
def _metadata() -> dict[str, Any]:
    """RFC 8414: every address but Picard's own is read there."""
    try:
        address = f"{settings.PICARD_URL}/.well-known/oauth-authorization-server"
        answer = httpx2.get(address, timeout=settings.PICARD_TIMEOUT_S).raise_for_status()
    except AWAY:
        raise PicardDown from None
    found: dict[str, Any] = answer.json()
    if found["issuer"] != settings.PICARD_URL:
        raise WrongAnswer("The server at PICARD_URL calls itself something else.")
    return found
