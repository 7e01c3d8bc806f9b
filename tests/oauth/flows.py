"""An OAuth client for tests: registration, consent, and its requests."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.actor import Actor, Channel
from accounts.models import User
from accounts.rate_limits import RateLimit
from memories import scopes
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.personal.service import IssuedToken, create_token
from oauth.registration import manual as manual_registration
from oauth.tokens.families import AccessToken, new_access_token

REDIRECT = "https://notes.example/callback"
API, MCP = "/api", "/mcp"
YES = {"answer": "allow", "reach": "all"}  # consent form data, without the selected scopes


@dataclass
class App:
    """A client and its HTTP client."""

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
        """Return the parameters of an authorization request; a change to None omits one."""
        parameters = {
            "response_type": "code",
            "client_id": self.application.client_id,
            "redirect_uri": REDIRECT,
            "scope": f"{scopes.READ} {scopes.WRITE}",
            "state": "some-state",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "resource": settings.PUBLIC_URL + API,
        } | changes
        return {name: value for name, value in parameters.items() if value is not None}

    def code(self, user: User, *, chosen: Sequence[str] = (), **changes: Any) -> str:
        """Return a code, after the user allowed these scopes, by default all requested ones."""
        browser = Client()
        browser.force_login(user)
        parameters = self.request(**changes)
        response = browser.post(
            "/oauth/authorize/",
            {**YES, "scopes": chosen or parameters["scope"].split()},
            query_params=parameters,
        )
        assert response.status_code == 303, response.content
        return parse_qs(urlsplit(response["Location"]).query)["code"][0]

    def token(self, **form: Any) -> Any:
        """Send a token request, with the client secret if there is one."""
        credentials = {"client_id": self.application.client_id}
        if self.secret:
            credentials["client_secret"] = self.secret
        data = {name: value for name, value in (credentials | form).items() if value is not None}
        return self.http.post(self.token_address, data)

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
        """Run the whole flow and return the body of the token response."""
        response = self.redeem(self.code(user, **changes))
        assert response.status_code == 200, response.content
        body: dict[str, Any] = response.json()
        return body


def make_app(name: str = "Notes", *, is_public: bool = False, **fields: Any) -> App:
    """Register an app manually."""
    registered = manual_registration.register_app(name=name, redirect_uris=[REDIRECT], is_public=is_public)
    for attribute, value in fields.items():
        setattr(registered.application, attribute, value)
    registered.application.save()
    return App(registered.application, registered.secret)


def allow(user: User, app: App, *granted_scopes: str, **limits: Any) -> AppGrant:
    """Grant access without the consent page."""
    options = grants.GrantOptions(frozenset(granted_scopes or (scopes.READ, scopes.WRITE)), **limits)
    grants.grant_access(user, app.application, options)
    return AppGrant.objects.get(user=user, application=app.application)


def connect_actor(user: User, *granted_scopes: str, **limits: Any) -> Actor:
    """Connect an app and return its actor."""
    app = make_app()
    allow(user, app, *granted_scopes, **limits)
    actor = grants.get_current_actor(user.pk, app.application.client_id, Channel.API)
    assert actor is not None
    return actor


def access_token(user: User, app: App, *granted_scopes: str, path: str = API, **fields: Any) -> str:
    """Create an access token directly, and a grant as `allow` does if there is none."""
    [token] = access_tokens(1, user, app, *granted_scopes, path=path, **fields)
    return token


def access_tokens(
    count: int, user: User, app: App, *granted_scopes: str, path: str = API, **fields: Any
) -> list[str]:
    """Create `count` access tokens in one statement."""
    if not AppGrant.objects.filter(user=user, application=app.application).exists():
        allow(user, app, *granted_scopes)
    tokens = [new_access_token(None) for _ in range(count)]
    values = {
        "scope": " ".join(granted_scopes or (scopes.READ, scopes.WRITE)),
        "resource": [settings.PUBLIC_URL + path],
        "expires": timezone.now() + timedelta(minutes=15),
    }
    rows = [AccessToken(user=user, application=app.application, **values | fields) for _ in tokens]
    for row, token in zip(rows, tokens, strict=True):
        row._raw_token = token
    AccessToken.objects.bulk_create(rows)
    return tokens


def personal_token(user: User, *granted_scopes: str, name: str = "Script", **limits: Any) -> IssuedToken:
    """Create a personal access token without the page."""
    options = grants.GrantOptions(frozenset(granted_scopes or (scopes.READ, scopes.WRITE)), **limits)
    return create_token(user, name, options, form_id=uuid4())


def exhaust(limit: RateLimit, *, left: int = 0, who: str = "127.0.0.1") -> None:
    """Use up the limit of `who`, except for `left` requests."""
    earned_in_s = limit.window_s - left * limit.cost_s - 1 if left else 2 * limit.window_s
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into accounts_rate_limit (key, earned_at) "
            "values (%s, clock_timestamp() + %s * interval '1 second') "
            "on conflict (key) do update set earned_at = excluded.earned_at",
            [f"{limit.name}:{who}", earned_in_s],
        )
