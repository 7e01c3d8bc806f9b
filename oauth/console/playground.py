"""A trial: a developer runs the flow of their own app as themselves, and sees each request and its answer.

The requests are those that the app would send. This server's own endpoints answer them, in this process: no address
is fetched. What a trial holds meanwhile (verifier, code, tokens) lies sealed in the developer's session.
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

from accounts.keys import get_person_key
from accounts.models import User
from core.crypto import seal_to_text, unseal_text
from oauth.console.in_process import Exchange, build_exchange, call_endpoint
from oauth.models import Application
from oauth.tokens import resource_indicators


class ApiCall(NamedTuple):
    """A request to the REST API. `takes`: the name of the text in its body."""

    label: str | Promise
    method: str
    path: str
    body_field: str = ""


API_CALLS = {
    "whoami": ApiCall(_("Who am I?"), "GET", "/api/v1/whoami/"),
    "list": ApiCall(_("List three memories"), "GET", "/api/v1/memories/?limit=3"),
    "search": ApiCall(_("Search"), "POST", "/api/v1/memories/search/", "query"),
    "create": ApiCall(_("Remember a text"), "POST", "/api/v1/memories/", "text"),
}


@dataclass
class PlaygroundRun:
    """How far it has come: asked, answered with a code, in possession of tokens."""

    state: str = ""
    verifier: str = ""
    code: str = ""
    access_token: str = ""
    refresh_token: str = ""
    scope: str = ""


class InvalidCallback(Exception):
    """An answer to no question of this browser."""


# --- What a trial holds ------------------------------------------------------------------------------------


def load_run(request: HttpRequest, application: Application) -> PlaygroundRun:
    """The trial that is under way, or a fresh one."""
    try:
        sealed = request.session.get(_get_session_key(application), "")
        return PlaygroundRun(
            **json.loads(unseal_text(_get_cipher(request), sealed, _get_associated_data(application)))
        )
    except (ValueError, InvalidTag):
        return PlaygroundRun()


def save_run(request: HttpRequest, application: Application, trial: PlaygroundRun) -> None:
    content = json.dumps(asdict(trial)).encode()
    request.session[_get_session_key(application)] = seal_to_text(
        _get_cipher(request), content, _get_associated_data(application)
    )


def _get_session_key(application: Application) -> str:
    return f"trial {application.client_id}"


def _get_associated_data(application: Application) -> bytes:
    return _get_session_key(application).encode()


def _get_cipher(request: HttpRequest) -> Any:
    assert isinstance(request.user, User)  # noqa: S101  (only their developer's pages come here)
    return get_person_key(request.user.pk).playground_cipher


# --- The steps -----------------------------------------------------------------------------------------------


def get_callback_url(application: Application) -> str:
    """Where the answer goes: the page of the trial, which must be among the app's redirect addresses."""
    return f"{settings.PUBLIC_URL}{reverse('oauth:try', args=[application.client_id])}"


def start_run(application: Application, scopes: Sequence[str]) -> tuple[PlaygroundRun, str]:
    """A trial, and where to send the browser."""
    trial = PlaygroundRun(
        state=secrets.token_urlsafe(16), verifier=secrets.token_urlsafe(48), scope=" ".join(scopes)
    )
    digest = hashlib.sha256(trial.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return trial, _build_authorization_path(application, trial.scope, trial.state, challenge)


def build_authorization_url(application: Application, scope: str) -> str:
    """The address that begins a trial, as it may be shown."""
    return f"{settings.PUBLIC_URL}{_build_authorization_path(application, scope, '$STATE', '$CHALLENGE')}".replace(
        "%24", "$"
    )


def handle_callback(trial: PlaygroundRun, told: Mapping[str, str]) -> PlaygroundRun:
    """The trial with the code that came back. Raises Unasked."""
    state, issuer = told.get("state", ""), told.get("iss", "")
    if not trial.state or not secrets.compare_digest(state.encode(), trial.state.encode()):
        raise InvalidCallback(_("The answer belongs to no question of this browser: state is another one."))
    if issuer != settings.PUBLIC_URL:
        raise InvalidCallback(_("The answer comes from another server: iss is not this one."))
    if "error" in told:
        raise InvalidCallback(f"{told['error']}: {told.get('error_description', '')}"[:300])
    return PlaygroundRun(verifier=trial.verifier, code=told.get("code", ""), scope=trial.scope)


def redeem_code(
    request: HttpRequest, application: Application, trial: PlaygroundRun, secret: str
) -> tuple[PlaygroundRun, Exchange]:
    form = {
        "grant_type": "authorization_code",
        "code": trial.code,
        "redirect_uri": get_callback_url(application),
        "code_verifier": trial.verifier,
    }
    return _request_tokens(request, application, trial, secret, form)


def refresh_tokens(
    request: HttpRequest, application: Application, trial: PlaygroundRun, secret: str
) -> tuple[PlaygroundRun, Exchange]:
    form = {"grant_type": "refresh_token", "refresh_token": trial.refresh_token}
    return _request_tokens(request, application, trial, secret, form)


def revoke_tokens(
    request: HttpRequest, application: Application, trial: PlaygroundRun, secret: str
) -> tuple[PlaygroundRun, Exchange]:
    """The trial is over when it is taken."""
    form = {"token": trial.refresh_token}
    exchange = _post_form(request, application, reverse("oauth:revoke"), secret, form)[0]
    return (PlaygroundRun() if exchange.is_good else trial), exchange


def call_api(request: HttpRequest, trial: PlaygroundRun, name: str, text: str) -> Exchange:
    asked = API_CALLS[name]
    body = json.dumps({asked.body_field: text}, ensure_ascii=False) if asked.body_field else ""
    words = [
        "curl",
        "-s",
        f"{settings.PUBLIC_URL}{asked.path}",
        "-H",
        '"Authorization: Bearer $ACCESS_TOKEN"',
    ]
    if body:
        words += ["-H", '"Content-Type: application/json"', "-d", shlex.quote(body)]
    response = call_endpoint(
        request, asked.method, asked.path, body.encode(), "application/json", f"Bearer {trial.access_token}"
    )
    return build_exchange(" ".join(words), response)


def _build_authorization_path(application: Application, scope: str, state: str, challenge: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": get_callback_url(application),
        "scope": scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": resource_indicators.get_default_resource(),
    }
    return f"{reverse('oauth:authorize')}?{urlencode(asked)}"


def _request_tokens(
    request: HttpRequest, application: Application, trial: PlaygroundRun, secret: str, form: dict[str, str]
) -> tuple[PlaygroundRun, Exchange]:
    exchange, told = _post_form(request, application, reverse("oauth:token"), secret, form)
    if not exchange.is_good:
        return PlaygroundRun(**{**asdict(trial), "code": ""}), exchange
    held = {name: told[name] for name in ("access_token", "refresh_token", "scope")}
    return PlaygroundRun(**held), exchange


def _post_form(
    request: HttpRequest, application: Application, path: str, secret: str, form: dict[str, str]
) -> tuple[Exchange, dict[str, Any]]:
    """A form to one of the protocol's endpoints: what may be shown of it, and what was said."""
    sent = {"client_id": application.client_id, **({"client_secret": secret} if secret else {}), **form}
    unsaid = ("client_secret", "code", "code_verifier", "refresh_token", "token")
    said = [
        f"{name}=${name.upper()}" if name in unsaid else f"{name}={value}" for name, value in sent.items()
    ]
    curl = " ".join(["curl", "-s", f"{settings.PUBLIC_URL}{path}", *(f'-d "{pair}"' for pair in said)])
    body = urlencode(sent).encode()
    response = call_endpoint(request, "POST", path, body, "application/x-www-form-urlencoded")
    return build_exchange(curl, response), json.loads(response.content or b"{}")
