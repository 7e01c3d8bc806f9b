"""Apps may register themselves, and may then do little."""

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


def register(client: Client | None = None, **changes: Any) -> Any:
    body = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return (client or Client()).post(REGISTER, json.dumps(body), content_type="application/json")


def registered(**changes: Any) -> App:
    body = register(**changes).json()
    return App(Application.objects.get(client_id=body["client_id"]), body.get("client_secret", ""))


@pytest.mark.compliance("RFC 7591", "3.2.1")
def test_the_answer_is_complete_and_kept_in_no_cache() -> None:
    answer = register(token_endpoint_auth_method="client_secret_post", grant_types=["authorization_code"])
    body = answer.json()
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert body["client_secret"].startswith("picard_cs_")
    assert body["client_secret_expires_at"] == 0
    assert abs(body["client_id_issued_at"] - timezone.now().timestamp()) < 60
    assert body["token_endpoint_auth_method"] == "client_secret_post"
    assert body["scope"] == "memories:read memories:write"
    assert body["registration_client_uri"] == f"http://127.0.0.1:8000/oauth/register/{body['client_id']}/"


def test_a_public_app_gets_no_secret_and_works(ada: User) -> None:
    body = register().json()
    assert "client_secret" not in body
    assert registered().connect(ada)["scope"] == "memories:read memories:write"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"grant_types": ["authorization_code", "password"]}, "invalid_client_metadata"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"client_name": "a" * 81}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
        ({"client_name": "evil\u202egnp.exe"}, "invalid_client_metadata"),
        ({"client_name": "No\u2060tes"}, "invalid_client_metadata"),
        ({"client_name": " "}, "invalid_client_metadata"),
        ({"client_name": "a" + "\u0316" * 7}, "invalid_client_metadata"),
        ({"client_name": "\u0316a"}, "invalid_client_metadata"),
        ({"client_name": "\ud800"}, "invalid_client_metadata"),
        ({"redirect_uris": ["https://a.example/\ud800"]}, "invalid_client_metadata"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://a.example"}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://a.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example/cb#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example/cb https://b.example"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["data:text/html,x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://127.0.0.1.evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user:pass@a.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://*.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://[::1"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["HTTP://a.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://cl\u0430ude.ai/cb"]}, "invalid_redirect_uri"),  # a Cyrillic letter
        (
            {"redirect_uris": ["https://claude.ai%2ea.example/cb"]},
            "invalid_redirect_uri",
        ),  # a dot to a browser
        (
            {"redirect_uris": ["https://a.example\\.claude.ai/cb"]},
            "invalid_redirect_uri",
        ),  # a slash to a browser
        ({"redirect_uris": ["https://a.example/\u202e"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://127.0.0.1:99999999/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example/" + "x" * 2_000]}, "invalid_redirect_uri"),
    ],
)
@pytest.mark.compliance("RFC 9700", "2.6")
@pytest.mark.compliance("RFC 7591", "2")
def test_what_an_app_cannot_register(change: dict[str, Any], error: str) -> None:
    answer = register(**change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not Application.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "{", '"x"', "[" * 5_000, '{"client_name": "\\u0000"}'])
def test_nonsense_is_refused(body: str) -> None:
    assert Client().post(REGISTER, body, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/cb",
        "http://[::1]:9/cb",
        "http://localhost:1/cb",
        "cursor://auth/cb",
        "https://xn--bcher-kva.example:8443/a%20b/~x?y=(1);z",
    ],
)
def test_apps_on_ones_own_machine_and_elsewhere_may(uri: str) -> None:
    assert register(redirect_uris=[uri]).status_code == 201


@pytest.mark.parametrize("scope", [scopes.ADMIN, scopes.PUBLISH, scopes.PERSONA])
def test_it_cannot_ask_for_more_than_reading_and_writing(ada_client: Client, scope: str) -> None:
    page = ada_client.get("/oauth/authorize/", registered().request(scope=scope))
    assert page.status_code == 400
    assert b"invalid_scope" in page.content


def test_a_visitor_is_not_made_its_owner(ada_client: Client) -> None:
    register(ada_client)
    assert Application.objects.get().user is None


@pytest.mark.compliance("Gaps of the toolkit", "1")
def test_unused_ones_are_deleted_after_a_week(ada: User) -> None:
    used, unused = registered(), registered()
    allow(ada, used)
    Application.objects.update(created=timezone.now() - timedelta(days=8))
    assert dynamic_registration.purge_unused_apps() == 1
    assert list(Application.objects.all()) == [used.application]
    assert unused.application.pk != used.application.pk


@pytest.mark.compliance("Gaps of the toolkit", "1")
@pytest.mark.compliance("RFC 6585", "4")
def test_too_many_are_told_to_wait() -> None:
    exhaust(rate_limits.REGISTER, left=1)
    first, second = register(), register()
    assert (first.status_code, second.status_code) == (201, 429)
    assert int(second["Retry-After"]) > 0


@pytest.mark.compliance("RFC 7592", "2")
def test_an_app_looks_after_its_registration() -> None:
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


@pytest.mark.compliance("RFC 7592", "3")
def test_without_its_token_nobody_does() -> None:
    mine, other = register().json(), register().json()
    address = urlsplit(mine["registration_client_uri"]).path
    for headers in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": f"Bearer {other['registration_access_token']}"},
    ):
        assert Client(headers=headers).get(address).status_code == 401


@pytest.mark.compliance("RFC 9700", "4.11.2")
def test_its_errors_send_nobody_anywhere(ada_client: Client) -> None:
    page = ada_client.get("/oauth/authorize/", registered().request(code_challenge=None))
    assert page.status_code == 400
    assert "Location" not in page


def test_a_person_who_says_no_goes_back(ada_client: Client) -> None:
    asked = registered().request()
    answer = ada_client.post("/oauth/authorize/", {"answer": "cancel"}, query_params=asked)
    assert parse_qs(urlsplit(answer["Location"]).query)["error"] == ["access_denied"]
