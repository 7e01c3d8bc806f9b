"""Dynamic client registration and the limits of self-registered clients."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from memories import scopes
from oauth import rate_limits
from oauth.models import Application
from oauth.registration import dynamic as dynamic_registration
from tests.oauth.flows import REDIRECT, App, allow, exhaust

pytestmark = pytest.mark.django_db
REGISTER = "/oauth/register/"
GOOD = {"client_name": "Robot", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}


def register(client: Client | None = None, *, keep_null: bool = False, **changes: Any) -> Any:
    body = {name: value for name, value in {**GOOD, **changes}.items() if keep_null or value is not None}
    return (client or Client()).post(REGISTER, json.dumps(body), content_type="application/json")


def register_app(**changes: Any) -> App:
    body = register(**changes).json()
    return App(Application.objects.get(client_id=body["client_id"]), body.get("client_secret", ""))


@pytest.mark.compliance("RFC 7591", "3.2.1")
def test_response_is_complete_and_not_cached() -> None:
    response = register(token_endpoint_auth_method="client_secret_post", grant_types=["authorization_code"])
    body = response.json()
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert body["client_secret"].startswith("picard_cs_")
    assert body["client_secret_expires_at"] == 0
    assert abs(body["client_id_issued_at"] - timezone.now().timestamp()) < 60
    assert body["token_endpoint_auth_method"] == "client_secret_post"
    assert body["scope"] == "memories:read memories:write"
    assert body["registration_client_uri"] == f"http://127.0.0.1:8000/oauth/register/{body['client_id']}/"


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000"])
def test_registration_is_managed_under_the_requested_loopback_name(host: str) -> None:
    body = register(Client(headers={"host": host})).json()
    assert body["registration_client_uri"] == f"http://{host}/oauth/register/{body['client_id']}/"


def test_public_client_gets_no_secret_and_can_connect(ada: User) -> None:
    body = register().json()
    assert "client_secret" not in body
    assert register_app().connect(ada)["scope"] == "memories:read memories:write"


@pytest.mark.compliance("RFC 9700", "2.6")
@pytest.mark.parametrize("grant_type", ["client_credentials", "implicit", "password"])
def test_client_that_wants_only_other_grants_is_told_which_there_are(grant_type: str) -> None:
    response = register(grant_types=[grant_type])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")
    assert "authorization_code" in response.json()["error_description"]
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "JSON object"),
        ("[]", "JSON object"),
        ("{", "JSON object"),
        ('"x"', "JSON object"),
        ("null", "JSON object"),
        ("[" * 5_000, "JSON object"),
        ("client_name=Robot", "JSON object"),
        (b"\xff{}", "JSON object"),
        ("{}", "redirect_uris"),
        (json.dumps({**GOOD, "x": "y" * 20_000}), "20,000 bytes"),
    ],
)
def test_malformed_body_is_rejected_with_the_reason(body: str | bytes, said: str) -> None:
    response = Client().post(REGISTER, body, content_type="application/json")
    assert response.status_code == 400
    assert said in response.json()["error_description"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", "APPLICATION/JSON", "text/plain", "text/json", ""]
)
def test_json_is_read_whatever_the_content_type_says(content_type: str) -> None:
    response = Client().generic("POST", REGISTER, json.dumps(GOOD), content_type=content_type)
    assert response.status_code == 201


@pytest.mark.parametrize("scope", [scopes.ADMIN, scopes.PUBLISH, scopes.PERSONA])
def test_client_can_request_only_read_and_write(ada_client: Client, scope: str) -> None:
    page = ada_client.get("/oauth/authorize/", register_app().request(scope=scope))
    assert page.status_code == 400
    assert b"invalid_scope" in page.content


def test_logged_in_visitor_does_not_become_owner(ada_client: Client) -> None:
    register(ada_client)
    assert Application.objects.get().user is None


@pytest.mark.compliance("Gaps of the toolkit", "1")
def test_unused_clients_are_deleted_after_a_week(ada: User) -> None:
    used, unused = register_app(), register_app()
    allow(ada, used)
    Application.objects.update(created=timezone.now() - timedelta(days=8))
    assert dynamic_registration.purge_unused_apps() == 1
    assert list(Application.objects.all()) == [used.application]
    assert unused.application.pk != used.application.pk


@pytest.mark.compliance("Gaps of the toolkit", "1")
@pytest.mark.compliance("RFC 6585", "4")
def test_registration_is_rate_limited() -> None:
    exhaust(rate_limits.REGISTER, left=1)
    first, second = register(), register()
    assert (first.status_code, second.status_code) == (201, 429)
    assert int(second["Retry-After"]) > 0


@pytest.mark.compliance("RFC 7592", "2")
def test_client_can_read_update_and_delete_its_registration() -> None:
    body = register().json()
    address = urlsplit(body["registration_client_uri"]).path
    manager = Client(headers={"authorization": f"Bearer {body['registration_access_token']}"})
    assert manager.get(address).json()["client_name"] == "Robot"
    change = {**GOOD, "client_name": "Robot 2", "redirect_uris": ["http://evil.example/"]}
    assert manager.put(address, json.dumps(change), content_type="application/json").status_code == 400
    change["redirect_uris"] = [REDIRECT]
    changed = manager.put(address, json.dumps(change), content_type="application/json")
    assert changed.json()["client_name"] == "Robot 2"
    assert manager.get(address).status_code == 401  # the token was exchanged
    manager = Client(headers={"authorization": f"Bearer {changed.json()['registration_access_token']}"})
    assert manager.delete(address).status_code == 204
    assert not Application.objects.exists()


@pytest.mark.compliance("RFC 7592", "2.2")
@pytest.mark.parametrize("method", ["none", "client_secret_post"])
@pytest.mark.parametrize("later", ["none", "client_secret_basic", "private_key_jwt", "", None])
def test_update_never_changes_whether_a_client_has_a_secret(method: str, later: str | None) -> None:
    body = register(token_endpoint_auth_method=method).json()
    manager = Client(headers={"authorization": f"Bearer {body['registration_access_token']}"})
    change = {
        **GOOD,
        "redirect_uris": [REDIRECT, "http://evil.example/"],
        "token_endpoint_auth_method": later,
    }
    address = urlsplit(body["registration_client_uri"]).path
    changed = manager.put(address, json.dumps(change), content_type="application/json").json()
    assert changed["redirect_uris"] == [REDIRECT]
    assert (changed["token_endpoint_auth_method"] == "none") is (method == "none")
    assert Application.objects.get().is_public is (method == "none")


@pytest.mark.compliance("RFC 7592", "3")
def test_management_requires_the_registration_access_token() -> None:
    mine, other = register().json(), register().json()
    address = urlsplit(mine["registration_client_uri"]).path
    for headers in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": f"Bearer {other['registration_access_token']}"},
    ):
        assert Client(headers=headers).get(address).status_code == 401


@pytest.mark.compliance("RFC 9700", "4.11.2")
def test_invalid_request_is_not_redirected(ada_client: Client) -> None:
    page = ada_client.get("/oauth/authorize/", register_app().request(code_challenge=None))
    assert page.status_code == 400
    assert "Location" not in page


def test_denial_is_redirected_to_the_client(ada_client: Client) -> None:
    request = register_app().request()
    response = ada_client.post("/oauth/authorize/", {"answer": "cancel"}, query_params=request)
    assert parse_qs(urlsplit(response["Location"]).query)["error"] == ["access_denied"]
