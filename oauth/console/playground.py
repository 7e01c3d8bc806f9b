"""Playground: a developer runs the OAuth flow of their app as its user, and sees each request and response.

The requests are those that the app would send. This server answers them in process, so no URL is fetched. The state
of a run (verifier, code, tokens) is stored encrypted in the developer's session.
"""

import base64
import hashlib
import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.actor import Channel
from accounts.keys import get_person_key
from accounts.models import User
from core.crypto import seal_to_text, unseal_text
from oauth.console.in_process import Exchange, build_exchange, call_endpoint
from oauth.models import Application
from oauth.tokens import resource_indicators


class ApiCall(NamedTuple):
    """A request to the REST API. body_field: the field of the text in the request body."""

    label: str | Promise
    method: str
    path: str
    body_field: str = ""


API_CALLS = {
    "whoami": ApiCall(_("Who am I?"), "GET", "/api/v1/whoami/"),
    "list": ApiCall(_("List three memories"), "GET", "/api/v1/memories/?limit=3"),
    "search": ApiCall(_("Search"), "POST", "/api/v1/memories/search/", "query"),
    "create": ApiCall(_("Create a memory"), "POST", "/api/v1/memories/", "text"),
}


@dataclass
class PlaygroundRun:
    """The state of a run: authorization requested, code received, or tokens received."""

    state: str = ""
    verifier: str = ""
    code: str = ""
    access_token: str = ""
    refresh_token: str = ""
    scope: str = ""


class InvalidCallback(Exception):
    """The response does not match a request of this browser, or reports an error."""


# --- State -------------------------------------------------------------------------------------------------


def load_run(request: HttpRequest, application: Application) -> PlaygroundRun:
    """Return the current run, or a new one."""
    try:
        sealed = request.session.get(_get_session_key(application), "")
        return PlaygroundRun(
            **json.loads(unseal_text(_get_cipher(request), sealed, _get_associated_data(application)))
        )
    except (ValueError, InvalidTag):
        return PlaygroundRun()


def save_run(request: HttpRequest, application: Application, run: PlaygroundRun) -> None:
    content = json.dumps(asdict(run)).encode()
    request.session[_get_session_key(application)] = seal_to_text(
        _get_cipher(request), content, _get_associated_data(application)
    )


def _get_session_key(application: Application) -> str:
    return f"trial {application.client_id}"


def _get_associated_data(application: Application) -> bytes:
    return _get_session_key(application).encode()


def _get_cipher(request: HttpRequest) -> Any:
    assert isinstance(request.user, User)  # noqa: S101  (only pages of the app's developer call this)
    return get_person_key(request.user.pk).playground_cipher


# --- Steps ---------------------------------------------------------------------------------------------------


def get_callback_url(application: Application) -> str:
    """Return the URL of the playground, which must be one of the app's redirect URIs."""
    return f"{settings.PUBLIC_URL}{reverse('oauth:try', args=[application.client_id])}"


def start_run(application: Application, scopes: Sequence[str]) -> tuple[PlaygroundRun, str]:
    """Return a new run and the authorization URL to redirect the browser to."""
    run = PlaygroundRun(
        state=secrets.token_urlsafe(16), verifier=secrets.token_urlsafe(48), scope=" ".join(scopes)
    )
    digest = hashlib.sha256(run.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return run, _build_authorization_path(application, run.scope, run.state, challenge)


def build_authorization_url(application: Application, scope: str) -> str:
    """Return the authorization URL for display, with placeholders."""
    return f"{settings.PUBLIC_URL}{_build_authorization_path(application, scope, '$STATE', '$CHALLENGE')}".replace(
        "%24", "$"
    )


def handle_callback(run: PlaygroundRun, callback: Mapping[str, str]) -> PlaygroundRun:
    """Return the run with the received code. Raises InvalidCallback."""
    state, issuer = callback.get("state", ""), callback.get("iss", "")
    if not run.state or not secrets.compare_digest(state.encode(), run.state.encode()):
        raise InvalidCallback(_("The state does not match a request of this browser. Start again."))
    if issuer != settings.PUBLIC_URL:
        raise InvalidCallback(_("The response comes from another server: iss does not match."))
    if "error" in callback:
        raise InvalidCallback(f"{callback['error']}: {callback.get('error_description', '')}"[:300])
    return PlaygroundRun(verifier=run.verifier, code=callback.get("code", ""), scope=run.scope)


def redeem_code(
    request: HttpRequest, application: Application, run: PlaygroundRun, secret: str
) -> tuple[PlaygroundRun, Exchange]:
    form = {
        "grant_type": "authorization_code",
        "code": run.code,
        "redirect_uri": get_callback_url(application),
        "code_verifier": run.verifier,
    }
    return _request_tokens(request, application, run, secret, form)


def refresh_tokens(
    request: HttpRequest, application: Application, run: PlaygroundRun, secret: str
) -> tuple[PlaygroundRun, Exchange]:
    form = {"grant_type": "refresh_token", "refresh_token": run.refresh_token}
    return _request_tokens(request, application, run, secret, form)


def revoke_tokens(
    request: HttpRequest, application: Application, run: PlaygroundRun, secret: str
) -> tuple[PlaygroundRun, Exchange]:
    """Revoke the tokens. If that succeeds, the run starts over."""
    form = {"token": run.refresh_token}
    exchange = _post_form(request, application, reverse("oauth:revoke"), secret, form)[0]
    return (PlaygroundRun() if exchange.is_good else run), exchange


def call_api(request: HttpRequest, run: PlaygroundRun, name: str, text: str) -> Exchange:
    call = API_CALLS[name]
    body = json.dumps({call.body_field: text}, ensure_ascii=False) if call.body_field else ""
    curl = ["curl", "-s", f"{settings.PUBLIC_URL}{call.path}", "-H", '"Authorization: Bearer $ACCESS_TOKEN"']
    if body:
        curl += ["-H", '"Content-Type: application/json"', "-d", shlex.quote(body)]
    response = call_endpoint(
        request, call.method, call.path, body.encode(), "application/json", f"Bearer {run.access_token}"
    )
    return build_exchange(" ".join(curl), response)


def _build_authorization_path(application: Application, scope: str, state: str, challenge: str) -> str:
    parameters = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": get_callback_url(application),
        "scope": scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": resource_indicators.get_resource(Channel.API),
    }
    return f"{reverse('oauth:authorize')}?{urlencode(parameters)}"


def _request_tokens(
    request: HttpRequest, application: Application, run: PlaygroundRun, secret: str, form: dict[str, str]
) -> tuple[PlaygroundRun, Exchange]:
    exchange, body = _post_form(request, application, reverse("oauth:token"), secret, form)
    if not exchange.is_good:
        return PlaygroundRun(**{**asdict(run), "code": ""}), exchange
    tokens = {name: body[name] for name in ("access_token", "refresh_token", "scope")}
    return PlaygroundRun(**tokens), exchange


def _post_form(
    request: HttpRequest, application: Application, path: str, secret: str, form: dict[str, str]
) -> tuple[Exchange, dict[str, Any]]:
    """Post a form to an OAuth endpoint. Return the exchange for display, and the response body."""
    fields = {"client_id": application.client_id, **({"client_secret": secret} if secret else {}), **form}
    secrets_in_form = ("client_secret", "code", "code_verifier", "refresh_token", "token")
    pairs = [
        f"{name}=${name.upper()}" if name in secrets_in_form else f"{name}={value}"
        for name, value in fields.items()
    ]
    curl = " ".join(["curl", "-s", f"{settings.PUBLIC_URL}{path}", *(f'-d "{pair}"' for pair in pairs)])
    body = urlencode(fields).encode()
    response = call_endpoint(request, "POST", path, body, "application/x-www-form-urlencoded")
    return build_exchange(curl, response), json.loads(response.content or b"{}")
