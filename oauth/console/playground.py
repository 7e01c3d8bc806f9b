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

from accounts.keys import person_key
from accounts.models import User
from core.crypto import seal_as_text, unseal_text
from oauth.console.in_process import Exchange, ask, shown
from oauth.models import Application
from oauth.tokens import resource_indicators


class Call(NamedTuple):
    """A request to the REST API. `takes`: the name of the text in its body."""

    words: str | Promise
    method: str
    path: str
    takes: str = ""


CALLS = {
    "whoami": Call(_("Who am I?"), "GET", "/api/v1/whoami/"),
    "list": Call(_("List three memories"), "GET", "/api/v1/memories/?limit=3"),
    "search": Call(_("Search"), "POST", "/api/v1/memories/search/", "query"),
    "create": Call(_("Remember a text"), "POST", "/api/v1/memories/", "text"),
}


@dataclass
class Trial:
    """How far it has come: asked, answered with a code, in possession of tokens."""

    state: str = ""
    verifier: str = ""
    code: str = ""
    access_token: str = ""
    refresh_token: str = ""
    scope: str = ""


class Unasked(Exception):
    """An answer to no question of this browser."""


# --- What a trial holds ------------------------------------------------------------------------------------


def of(request: HttpRequest, application: Application) -> Trial:
    """The trial that is under way, or a fresh one."""
    try:
        sealed = request.session.get(_name(application), "")
        return Trial(**json.loads(unseal_text(_key(request), sealed, _bound_to(application))))
    except (ValueError, InvalidTag):
        return Trial()


def keep(request: HttpRequest, application: Application, trial: Trial) -> None:
    content = json.dumps(asdict(trial)).encode()
    request.session[_name(application)] = seal_as_text(_key(request), content, _bound_to(application))


def _name(application: Application) -> str:
    return f"trial {application.client_id}"


def _bound_to(application: Application) -> bytes:
    return _name(application).encode()


def _key(request: HttpRequest) -> Any:
    assert isinstance(request.user, User)  # noqa: S101  (only their developer's pages come here)
    return person_key(request.user.pk).trials


# --- The steps -----------------------------------------------------------------------------------------------


def address_of(application: Application) -> str:
    """Where the answer goes: the page of the trial, which must be among the app's redirect addresses."""
    return f"{settings.PUBLIC_URL}{reverse('oauth:try', args=[application.client_id])}"


def begin(application: Application, scopes: Sequence[str]) -> tuple[Trial, str]:
    """A trial, and where to send the browser."""
    trial = Trial(state=secrets.token_urlsafe(16), verifier=secrets.token_urlsafe(48), scope=" ".join(scopes))
    digest = hashlib.sha256(trial.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return trial, _question(application, trial.scope, trial.state, challenge)


def question(application: Application, scope: str) -> str:
    """The address that begins a trial, as it may be shown."""
    return f"{settings.PUBLIC_URL}{_question(application, scope, '$STATE', '$CHALLENGE')}".replace("%24", "$")


def answered(trial: Trial, told: Mapping[str, str]) -> Trial:
    """The trial with the code that came back. Raises Unasked."""
    state, issuer = told.get("state", ""), told.get("iss", "")
    if not trial.state or not secrets.compare_digest(state.encode(), trial.state.encode()):
        raise Unasked(_("The answer belongs to no question of this browser: state is another one."))
    if issuer != settings.PUBLIC_URL:
        raise Unasked(_("The answer comes from another server: iss is not this one."))
    if "error" in told:
        raise Unasked(f"{told['error']}: {told.get('error_description', '')}"[:300])
    return Trial(verifier=trial.verifier, code=told.get("code", ""), scope=trial.scope)


def redeem(
    request: HttpRequest, application: Application, trial: Trial, secret: str
) -> tuple[Trial, Exchange]:
    form = {
        "grant_type": "authorization_code",
        "code": trial.code,
        "redirect_uri": address_of(application),
        "code_verifier": trial.verifier,
    }
    return _tokens(request, application, trial, secret, form)


def refresh(
    request: HttpRequest, application: Application, trial: Trial, secret: str
) -> tuple[Trial, Exchange]:
    form = {"grant_type": "refresh_token", "refresh_token": trial.refresh_token}
    return _tokens(request, application, trial, secret, form)


def give_back(
    request: HttpRequest, application: Application, trial: Trial, secret: str
) -> tuple[Trial, Exchange]:
    """The trial is over when it is taken."""
    form = {"token": trial.refresh_token}
    exchange = _post(request, application, reverse("oauth:revoke"), secret, form)[0]
    return (Trial() if exchange.is_good else trial), exchange


def call(request: HttpRequest, trial: Trial, name: str, text: str) -> Exchange:
    asked = CALLS[name]
    body = json.dumps({asked.takes: text}, ensure_ascii=False) if asked.takes else ""
    words = [
        "curl",
        "-s",
        f"{settings.PUBLIC_URL}{asked.path}",
        "-H",
        '"Authorization: Bearer $ACCESS_TOKEN"',
    ]
    if body:
        words += ["-H", '"Content-Type: application/json"', "-d", shlex.quote(body)]
    response = ask(
        request, asked.method, asked.path, body.encode(), "application/json", f"Bearer {trial.access_token}"
    )
    return shown(" ".join(words), response)


def _question(application: Application, scope: str, state: str, challenge: str) -> str:
    asked = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": address_of(application),
        "scope": scope,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": resource_indicators.default_resource(),
    }
    return f"{reverse('oauth:authorize')}?{urlencode(asked)}"


def _tokens(
    request: HttpRequest, application: Application, trial: Trial, secret: str, form: dict[str, str]
) -> tuple[Trial, Exchange]:
    exchange, told = _post(request, application, reverse("oauth:token"), secret, form)
    if not exchange.is_good:
        return Trial(**{**asdict(trial), "code": ""}), exchange
    held = {name: told[name] for name in ("access_token", "refresh_token", "scope")}
    return Trial(**held), exchange


def _post(
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
    response = ask(request, "POST", path, body, "application/x-www-form-urlencoded")
    return shown(curl, response), json.loads(response.content or b"{}")
