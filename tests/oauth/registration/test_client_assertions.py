"""Clients that sign assertions, as ChatGPT does, connect as public clients with PKCE, in both forms."""

import base64
import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from oauth.models import Application
from tests.oauth.flows import App, make_app
from tests.oauth.registration.test_dynamic import register_app
from tests.oauth.registration.test_metadata_documents import Web, app, enable_metadata_documents, web

__all__ = ["enable_metadata_documents", "web"]  # fixtures
pytestmark = pytest.mark.django_db
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT = {
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
    "token_endpoint_auth_signing_alg": "RS256",
    "jwks_uri": "https://robot.example/jwks.json",
}


def encode(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def sign(client_id: str, **claims: Any) -> dict[str, str]:
    """Return the parameters of an assertion; its signature is never read."""
    payload = {
        "iss": client_id,
        "sub": client_id,
        "aud": "http://127.0.0.1:8000",
        "exp": 4_000_000_000,
        **claims,
    }
    assertion = f"{encode({'alg': 'RS256', 'kid': 'x'})}.{encode(payload)}.c2lnbmF0dXJl"
    return {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}


@pytest.fixture(params=["registration", "document"])
def robot(request: pytest.FixtureRequest, web: Web) -> App:
    if request.param == "registration":
        return register_app(**JWT)
    web.document |= JWT
    return app()


@pytest.mark.compliance("RFC 7521", "4.2")
@pytest.mark.parametrize("has_client_id", [True, False])
def test_assertion_beside_pkce_is_ignored_and_names_the_client(
    robot: App, has_client_id: bool, ada: User
) -> None:
    client_id = robot.application.client_id
    sent = sign(client_id) | {"client_id": client_id if has_client_id else ""}
    tokens = robot.redeem(robot.code(ada), **sent).json()
    assert tokens["scope"] == "memories:read memories:write"
    tokens = robot.refresh(tokens["refresh_token"], **sent).json()
    revocation = Client().post("/oauth/revoke/", {"token": tokens["refresh_token"], **sent})
    assert revocation.status_code == 200
    assert robot.refresh(tokens["refresh_token"], **sent).json()["error"] == "invalid_grant"
    assert Application.objects.get().is_public


def test_document_without_a_secret_still_needs_the_verifier(robot: App, ada: User) -> None:
    response = robot.redeem(robot.code(ada), **sign(robot.application.client_id), code_verifier="x" * 43)
    assert response.json()["error"] == "invalid_grant"


def test_client_id_counts_more_than_the_assertion(robot: App, ada: User) -> None:
    code = robot.code(ada)
    assert robot.redeem(code, **sign("someone-else")).status_code == 200


def test_assertion_replaces_no_secret(ada: User) -> None:
    classic = make_app()
    code = classic.code(ada)
    classic_id = classic.application.client_id
    response = classic.redeem(code, client_id=None, client_secret=None, **sign(classic_id))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "assertion",
    [
        "x",
        "..",
        "a.b.c",
        f"a.{encode([])}.c",
        f"a.{encode({})}.c",
        f"a.{encode({'sub': 7})}.c",
        "a." + "b" * 20_000,
    ],
)
def test_malformed_assertion_names_nobody(assertion: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_assertion": assertion}
    response = Client().post("/oauth/token/", form)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("client_id", ["a\0b", "\ud800"])
@pytest.mark.parametrize("endpoint", ["token", "revoke", "introspect"])
def test_unstorable_client_id_in_an_assertion_names_nobody(endpoint: str, client_id: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", **sign(client_id)}
    assert Client().post(f"/oauth/{endpoint}/", form).status_code == 401


@pytest.mark.compliance("RFC 6749", "2.3.1")
def test_empty_secret_of_a_public_client_is_like_none(ada: User) -> None:
    public = register_app()
    basic = base64.b64encode(f"{public.application.client_id}:".encode()).decode()
    public.http = Client(headers={"authorization": f"Basic {basic}"})
    tokens = public.redeem(public.code(ada), client_id=None).json()
    assert public.refresh(tokens["refresh_token"], client_secret="").status_code == 200
    public.http = Client(headers={"authorization": f"Basic {basic[:-4]}"})
    assert public.refresh(tokens["refresh_token"], client_id=None).status_code == 401
