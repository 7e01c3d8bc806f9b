"""An app as it speaks OAuth: registered, connected, its requests, as the tests send them."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.rate_limits import RateLimit
from memories import scopes
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.registration import manual as manual_registration
from oauth.tokens.families import AccessToken, new_access_token

REDIRECT = "https://notes.example/callback"
API, MCP = "/api", "/mcp"
YES = {"answer": "allow", "reach": "all"}  # of the consent form, beside the ticked scopes


@dataclass
class App:
    """A client, and the browser and program that it runs in."""

    application: Application
    secret: str = ""
    http: Client = field(default_factory=Client)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    token_address: str = "/oauth/token/"

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def request(self, **changes: Any) -> dict[str, Any]:
        """The parameters of an authorization request; a change to None leaves one out."""
        asked = {
            "response_type": "code",
            "client_id": self.application.client_id,
            "redirect_uri": REDIRECT,
            "scope": f"{scopes.READ} {scopes.WRITE}",
            "state": "some-state",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "resource": settings.PUBLIC_URL + API,
        } | changes
        return {name: value for name, value in asked.items() if value is not None}

    def code(self, user: User, **changes: Any) -> str:
        """A code for what the person is asked and allows whole."""
        browser = Client()
        browser.force_login(user)
        asked = self.request(**changes)
        answer = browser.post(
            "/oauth/authorize/",
            {**YES, "scopes": asked["scope"].split()},
            query_params=asked,
        )
        assert answer.status_code == 303, answer.content
        return parse_qs(urlsplit(answer["Location"]).query)["code"][0]

    def token(self, **form: Any) -> Any:
        """A token request, with the secret if the app has one."""
        own = {"client_id": self.application.client_id}
        if self.secret:
            own["client_secret"] = self.secret
        sent = {name: value for name, value in (own | form).items() if value is not None}
        return self.http.post(self.token_address, sent)

    def redeem(self, code: str, /, **changes: Any) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
        }
        return self.token(**(form | changes))

    def refresh(self, refresh_token: str, /, **changes: Any) -> Any:
        return self.token(**({"grant_type": "refresh_token", "refresh_token": refresh_token} | changes))

    def connect(self, user: User, **changes: Any) -> dict[str, Any]:
        """The whole way, to the token answer's body."""
        answer = self.redeem(self.code(user, **changes))
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body


def make_app(name: str = "Notes", *, is_public: bool = False, **fields: Any) -> App:
    """An app that somebody registered by hand."""
    made = manual_registration.register_app(name=name, redirect_uris=[REDIRECT], is_public=is_public)
    for attribute, value in fields.items():
        setattr(made.application, attribute, value)
    made.application.save()
    return App(made.application, made.secret)


def allow(user: User, app: App, *held: str, **narrowing: Any) -> AppGrant:
    """Consent without the page."""
    chosen = grants.GrantOptions(frozenset(held or (scopes.READ, scopes.WRITE)), **narrowing)
    grants.grant_access(user, app.application, chosen)
    return AppGrant.objects.get(user=user, application=app.application)


def access_token(user: User, app: App, *held: str, path: str = API, **fields: Any) -> str:
    """An access token without the way to it; the person's grant as `allow` makes it unless there is one."""
    [token] = access_tokens(1, user, app, *held, path=path, **fields)
    return token


def access_tokens(count: int, user: User, app: App, *held: str, path: str = API, **fields: Any) -> list[str]:
    """So many, by one statement."""
    if not AppGrant.objects.filter(user=user, application=app.application).exists():
        allow(user, app, *held)
    tokens = [new_access_token(None) for _ in range(count)]
    given = {
        "scope": " ".join(held or (scopes.READ, scopes.WRITE)),
        "resource": [settings.PUBLIC_URL + path],
        "expires": timezone.now() + timedelta(minutes=15),
    }
    rows = [AccessToken(user=user, application=app.application, **given | fields) for _ in tokens]
    for row, token in zip(rows, tokens, strict=True):
        row._raw_token = token
    AccessToken.objects.bulk_create(rows)
    return tokens


def exhaust(limit: RateLimit, *, left: int = 0, who: str = "127.0.0.1") -> None:
    """As if it had asked as often as it may, but for so many."""
    earned_in_s = limit.window_s - left * limit.cost_s - 1 if left else 2 * limit.window_s
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into accounts_rate_limit (key, earned_at) "
            "values (%s, clock_timestamp() + %s * interval '1 second') "
            "on conflict (key) do update set earned_at = excluded.earned_at",
            [f"{limit.name}:{who}", earned_in_s],
        )
