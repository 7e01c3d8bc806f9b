"""Metadata of self-registered clients: what is unknown, empty or of another type is left out, in both forms."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from oauth.models import Application
from oauth.registration.client_metadata import ClientMetadata, parse_client_metadata
from tests.oauth.flows import REDIRECT, App
from tests.oauth.registration.test_dynamic import register

pytestmark = pytest.mark.django_db
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT_TYPES = ["authorization_code", "refresh_token"]
OTHER_TYPES: list[Any] = [None, "", " ", 7, 1.5, True, {}, {"a": "b"}, [], [None], [7, {}], [[]], [""]]


@pytest.mark.compliance("RFC 7591", "3.2.1")
@pytest.mark.parametrize(
    "grant_types",
    [
        [*GRANT_TYPES, JWT_BEARER],
        ["authorization_code", "implicit", "password", "client_credentials", "x"],
        ["authorization_code"],
        ["refresh_token"],
        ["authorization_code", None, 7],
        "authorization_code",
        "authorization_code refresh_token",
        *OTHER_TYPES,
    ],
    ids=str,
)
def test_grant_types_are_replaced_by_what_the_server_has(grant_types: Any, ada: User) -> None:
    body = register(grant_types=grant_types).json()
    assert body["grant_types"] == GRANT_TYPES
    app = App(Application.objects.get(client_id=body["client_id"]))
    assert app.refresh(app.connect(ada)["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    "response_types", [["code"], ["code", "token"], ["code token"], ["none"], "code", *OTHER_TYPES], ids=str
)
def test_response_types_are_always_code(response_types: Any) -> None:
    assert register(response_types=response_types).json()["response_types"] == ["code"]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("none", "none"),
        ("client_secret_basic", "client_secret_basic"),
        (" client_secret_post ", "client_secret_post"),
        *(
            (name, "none")
            for name in ("private_key_jwt", "client_secret_jwt", "tls_client_auth", "attest", "NONE")
        ),
        *((other, "client_secret_basic") for other in OTHER_TYPES),
        (["private_key_jwt", "none"], "none"),
        (["private_key_jwt"], "none"),
        (["private_key_jwt", "client_secret_post"], "client_secret_post"),
    ],
    ids=str,
)
def test_client_without_one_of_our_auth_methods_is_public(asked: Any, answered: str, ada: User) -> None:
    response = register(keep_null=True, token_endpoint_auth_method=asked)
    body = response.json()
    assert (response.status_code, body["token_endpoint_auth_method"]) == (201, answered)
    assert ("client_secret" in body) is (answered != "none")
    app = App(Application.objects.get(client_id=body["client_id"]), body.get("client_secret", ""))
    assert app.connect(ada)["token_type"] == "Bearer"


def test_supported_auth_methods_count_if_none_is_preferred() -> None:
    body = register(
        token_endpoint_auth_method=None, token_endpoint_auth_methods_supported=["none", "private_key_jwt"]
    ).json()
    assert (body["token_endpoint_auth_method"], "client_secret" in body) == ("none", False)


IGNORED = [
    *(
        "scope",
        "client_uri",
        "logo_uri",
        "tos_uri",
        "policy_uri",
        "contacts",
        "jwks",
        "jwks_uri",
        "software_id",
    ),
    *("software_version", "software_statement", "application_type", "client_name#de", "default_max_age", "x"),
    *(
        "client_id",
        "client_secret",
        "token_endpoint_auth_signing_alg",
        "token_endpoint_auth_methods_supported",
    ),
    *("authorization_grant_type", "skip_authorization", "registration_source", "user", "may_manage"),
]


@pytest.mark.parametrize("value", [None, "", "nonsense admin", 7, [], ["\ud800"], {"keys": ["\0"]}], ids=repr)
def test_other_fields_are_ignored_whatever_they_contain(value: Any) -> None:
    response = register(keep_null=True, **dict.fromkeys(IGNORED, value))
    body = response.json()
    assert response.status_code == 201
    assert body["scope"] == "memories:read memories:write"
    assert body.keys() & set(IGNORED) == {"scope", "client_id"}
    client = Application.objects.get(client_id=body["client_id"])
    assert (client.is_self_registered, client.skip_authorization, client.may_manage) == (True, False, False)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ([REDIRECT, "http://a.example/cb"], [REDIRECT]),
        (["javascript:alert(1)", REDIRECT, None, 7, "", {"a": 1}], [REDIRECT]),
        ([f"  {REDIRECT}\n", REDIRECT], [REDIRECT]),
        ([REDIRECT, "https://a.example/" + "x" * 2_000, "https://a.example/\ud800", "a\0b"], [REDIRECT]),
        (REDIRECT, [REDIRECT]),
        (["HTTPS://Notes.EXAMPLE/Callback"], ["HTTPS://Notes.EXAMPLE/Callback"]),
        ([f"https://a.example/{n}" for n in range(30)], [f"https://a.example/{n}" for n in range(20)]),
    ],
    ids=["insecure", "types", "duplicates", "long", "string", "uppercase", "many"],
)
def test_unusable_redirect_uris_are_left_out(asked: Any, answered: list[str], ada: User) -> None:
    body = register(redirect_uris=asked).json()
    assert body["redirect_uris"] == answered
    app = App(Application.objects.get(client_id=body["client_id"]))
    code = app.code(ada, redirect_uri=answered[0])
    assert app.redeem(code, redirect_uri=answered[0]).status_code == 200


@pytest.mark.parametrize("uris", OTHER_TYPES, ids=str)
def test_client_without_a_redirect_uri_is_rejected(uris: Any) -> None:
    response = register(redirect_uris=uris)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_redirect_uri")
    assert "redirect_uris must be a list" in response.json()["error_description"]


def test_error_names_the_reason_for_each_redirect_uri() -> None:
    response = register(redirect_uris=["http://a.example/cb", "javascript:alert(1)", "https://b.example/#x"])
    assert response.json() == {
        "error": "invalid_redirect_uri",
        "error_description": (
            "'http://a.example/cb': http is only allowed for loopback addresses. Use https. "
            "'javascript:alert(1)': Redirect URLs cannot have the scheme javascript, because it does not belong to "
            "an app that can connect here. Use https, http on a loopback address, or your app's own scheme, such as "
            "com.example.app:/callback. "
            "'https://b.example/#x': Redirect URLs cannot contain a fragment (#)."
        ),
    }


@pytest.mark.parametrize("name", [*OTHER_TYPES, "\u200b", "\u202e \u2066", "\ud800", "\0"], ids=repr)
def test_app_without_a_usable_name_is_called_by_its_host(name: Any, ada_client: Client) -> None:
    body = register(client_name=name).json()
    assert "client_name" not in body
    app = App(Application.objects.get(client_id=body["client_id"]))
    page = ada_client.get("/oauth/authorize/", app.request()).content.decode()
    assert "<bdi>notes.example</bdi> requests access to your memories" in page


def test_misleading_name_is_shown_without_what_is_invisible(ada_client: Client) -> None:
    body = register(client_name="Clau\u200bde\u202e\n(txt.exe)").json()
    assert body["client_name"] == "Claude (txt.exe)"


def test_documents_and_registrations_have_the_same_rules() -> None:
    document = {
        "client_name": 7,
        "redirect_uris": [REDIRECT, "x"],
        "token_endpoint_auth_method": "private_key_jwt",
    }
    assert parse_client_metadata(document) == ClientMetadata(
        name="", redirect_uris=(REDIRECT,), auth_method="none", device_flow=False
    )
