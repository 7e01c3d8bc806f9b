"""Requirements that django-oauth-toolkit does not meet in its strictest configuration (decision 0009), over HTTP."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from accounts.actor import Channel
from accounts.models import User
from accounts.rate_limits import RateLimit
from memories import scopes
from oauth import rate_limits
from oauth.models import Application
from oauth.settings import DEVICE_GRANT
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import AccessToken
from picard.config.paths import PROJECT
from tests.compliance.matrix import list_covered_sections
from tests.factories import PASSWORD
from tests.oauth.flows import MCP, YES, App, access_token, exhaust, make_app
from tests.oauth.registration.test_dynamic import register

pytestmark = pytest.mark.django_db
GAPS = "Gaps of the toolkit"
AUTHORIZE = "/oauth/authorize/"
ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
def app() -> App:
    return make_app()


def call(token: str, method: str = "get", **form: Any) -> Any:
    client = Client(headers={"authorization": f"Bearer {token}"})
    return getattr(client, method)("/api/v1/memories/", form, content_type="application/json")


@pytest.mark.compliance("Gaps of the toolkit", "1")
def test_self_registered_app_gets_no_client_credentials_and_no_admin_scope(
    ada: User, ada_client: Client
) -> None:
    response = register(grant_types=["client_credentials"], scope=f"{scopes.ADMIN} introspection")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")
    body = register(scope=scopes.ADMIN).json()
    assert body["scope"] == f"{scopes.READ} {scopes.WRITE}"
    app = App(Application.objects.get(client_id=body["client_id"]))
    for scope in (scopes.ADMIN, scopes.PUBLISH, scopes.PERSONA):
        assert ada_client.get(AUTHORIZE, app.request(scope=scope)).status_code == 400
    assert app.token(grant_type="client_credentials").json()["error"] == "unsupported_grant_type"


@pytest.mark.compliance("Gaps of the toolkit", "2")
def test_closed_account_rejects_tokens_and_refreshes_immediately(ada: User, app: App) -> None:
    body = app.connect(ada)
    assert call(body["access_token"]).status_code == 200
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert call(body["access_token"]).status_code == 401
    assert app.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.compliance("Gaps of the toolkit", "3")
def test_token_is_bound_to_our_resources_even_without_a_resource_parameter(ada: User, app: App) -> None:
    for resource in ("https://elsewhere.example", f"{ISSUER}/admin"):
        assert (
            b"invalid_target" in Client().get(AUTHORIZE, app.request(resource=resource))["Location"].encode()
        )
    app.connect(ada, resource=None)
    assert AccessToken.objects.get().resource == [f"{ISSUER}/api", f"{ISSUER}/mcp"]
    assert call(access_token(ada, app, path=MCP)).status_code == 401
    assert call(access_token(ada, app, resource=[])).status_code == 401


@pytest.mark.compliance("Gaps of the toolkit", "4")
def test_replayed_code_revokes_its_tokens_and_their_refreshes(ada: User, app: App) -> None:
    code = app.code(ada)
    body = app.redeem(code).json()
    newer = app.refresh(body["refresh_token"]).json()
    assert app.redeem(code).status_code == 400
    assert call(newer["access_token"]).status_code == 401
    assert app.refresh(newer["refresh_token"]).status_code == 400


@pytest.mark.compliance("Gaps of the toolkit", "5")
def test_every_redirect_to_an_app_is_a_303_with_the_issuer(ada_client: Client, app: App) -> None:
    for sent in ({**YES, "scopes": [scopes.READ]}, {"answer": "cancel"}):
        response = ada_client.post(AUTHORIZE, sent, query_params=app.request())
        assert response.status_code == 303
        assert "iss=http%3A%2F%2F127.0.0.1%3A8000" in response["Location"]
    failed = ada_client.get(AUTHORIZE, app.request(scope=scopes.ADMIN))
    assert (failed.status_code, "iss=" in failed["Location"]) == (303, True)


@pytest.mark.compliance("Gaps of the toolkit", "6")
@pytest.mark.parametrize("is_public", [True, False])
def test_no_app_skips_consent(ada: User, ada_client: Client, is_public: bool) -> None:
    app = make_app(is_public=is_public)
    app.connect(ada)
    page = ada_client.get(AUTHORIZE, app.request(approval_prompt="auto", prompt="none"))
    assert page.status_code == 200
    assert b"requests access to your memories" in page.content


@pytest.mark.compliance("Gaps of the toolkit", "7")
@pytest.mark.parametrize("change", [{"code_challenge": "x" * 42}, {"code_challenge_method": "plain"}])
def test_weak_challenge_is_rejected_before_log_in(app: App, change: dict[str, str]) -> None:
    response = Client().get(AUTHORIZE, app.request(**change))  # not even to log in
    assert (response.status_code, "error=invalid_request" in response["Location"]) == (303, True)


@pytest.mark.compliance("Gaps of the toolkit", "8")
def test_introspection_is_post_only_authenticated_and_limited_to_own_tokens(ada: User, app: App) -> None:
    token, other = access_token(ada, app), make_app("Other")
    form = {"client_id": other.application.client_id, "client_secret": other.secret, "token": token}
    assert Client().get("/oauth/introspect/", form).status_code == 405
    response = Client().post("/oauth/introspect/", form)
    assert (response.json(), response["Cache-Control"]) == ({"active": False}, "no-store")
    form |= {"client_id": app.application.client_id, "client_secret": app.secret}
    assert {"sub", "iss", "iat", "token_type"} <= Client().post("/oauth/introspect/", form).json().keys()


@pytest.mark.compliance("Gaps of the toolkit", "9")
def test_client_secrets_are_stored_as_salted_digests(app: App) -> None:
    stored = Application.objects.values_list("client_secret", flat=True).get()
    assert re.fullmatch(r"sha256\$[0-9a-f]{32}\$[0-9a-f]{64}", stored)
    assert stored != make_app("Other").application.client_secret
    assert app.secret not in stored


@pytest.mark.compliance("Gaps of the toolkit", "10")
def test_repeated_refresh_returns_the_same_response_to_an_authenticated_client(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    first = app.refresh(old)
    assert app.refresh(old, client_secret="wrong").status_code == 401
    assert app.refresh(old).content == first.content
    app.refresh(first.json()["refresh_token"])
    assert app.refresh(old).json()["error"] == "invalid_grant"


@pytest.mark.compliance("Gaps of the toolkit", "12")
def test_device_flow_is_not_the_toolkits_and_there_is_no_openid_provider(app: App) -> None:
    assert app.token(grant_type=DEVICE_GRANT, device_code="x").json()["error"] == "unauthorized_client"
    for path in ("device/", "device-confirm/x/y", "userinfo/", "logout/", ".well-known/jwks.json"):
        assert Client().get(f"/oauth/{path}").status_code == 404
    assert Client().get("/.well-known/openid-configuration").status_code == 404
    pinned = (PROJECT / "requirements.in").read_text(encoding="utf-8")
    assert re.search(r"^oauthlib==\d", pinned, re.MULTILINE)


@pytest.mark.compliance("Gaps of the toolkit", "13")
def test_rest_challenges_name_the_metadata_url_and_the_missing_scope(ada: User, app: App) -> None:
    metadata = f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/api"'
    challenge = Client().get("/api/v1/memories/")["WWW-Authenticate"]
    assert challenge == f'Bearer scope="{scopes.READ} {scopes.WRITE}", {metadata}'
    response = call(access_token(ada, app, scopes.READ), "post", text="x")
    assert response.status_code == 403
    challenge = response["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{scopes.WRITE}"' in challenge
    assert metadata in challenge


@pytest.mark.compliance("Gaps of the toolkit", "14")
@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/oauth/token/", True),
        ("/oauth/register/", True),
        ("/.well-known/oauth-authorization-server", True),
        ("/.well-known/oauth-protected-resource/mcp", True),
        (AUTHORIZE, False),
        ("/oauth/introspect/", False),
        ("/accounts/apps/", False),
        ("/developer/", False),
        ("/api/v1/memories/", False),
    ],
)
def test_cors_is_limited_to_what_browser_apps_need(path: str, is_open: bool, ada_client: Client) -> None:
    response = ada_client.get(path, headers={"origin": "https://elsewhere.example"})
    assert (response.get("Access-Control-Allow-Origin") == "*") == is_open
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.compliance("Gaps of the toolkit", "15")
def test_tokens_and_secrets_have_recognisable_prefixes(ada: User, app: App) -> None:
    body = app.connect(ada)
    assert body["access_token"].startswith("picard_at_")
    assert body["refresh_token"].startswith("picard_rt_")
    assert app.secret.startswith("picard_cs_")


@pytest.mark.compliance("Gaps of the toolkit", "15")
@pytest.mark.compliance("RFC 6585", "4")
@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/oauth/token/", rate_limits.TOKEN),
        ("/oauth/revoke/", rate_limits.REVOKE),
        ("/oauth/introspect/", rate_limits.INTROSPECT),
        ("/oauth/register/", rate_limits.REGISTER),
    ],
)
def test_each_endpoint_has_a_rate_limit(path: str, limit: RateLimit) -> None:
    exhaust(limit)
    response = Client().post(path, headers={"x-forwarded-for": "1.2.3.4"})
    assert response.status_code == 429
    assert response.json()["error"] == "temporarily_unavailable"
    assert int(response["Retry-After"]) >= 1


@pytest.mark.compliance("Gaps of the toolkit", "15")
def test_log_in_attempts_are_rate_limited(ada: User) -> None:
    guess = {"login": ada.email, "password": "wrong"}
    pages = [Client().post("/accounts/login/", guess).content for _ in range(6)]
    assert b"Too many failed" not in pages[0]
    assert b"Too many failed" in pages[-1]
    Client().post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert not Client().session.get("_auth_user_id")


@pytest.mark.compliance("Gaps of the toolkit", "15")
def test_password_change_revokes_all_tokens(ada: User, ada_client: Client, app: App) -> None:
    token = app.connect(ada)["access_token"]
    form = {"oldpassword": PASSWORD, "password1": "another good phrase", "password2": "another good phrase"}
    ada_client.post("/accounts/password/change/", form)
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_every_gap_has_a_test() -> None:
    assert {row.paragraph for row in list_covered_sections() if row.standard == GAPS} == {
        str(number) for number in range(1, 16)
    }


def test_urls_of_the_toolkit_are_not_included() -> None:
    """The toolkit's own views, such as pages that manage all apps, are not reachable."""
    included = [each for each in get_resolver().url_patterns if isinstance(each, URLResolver)]
    assert not [
        each for each in included if str(getattr(each, "urlconf_name", "")).startswith("oauth2_provider")
    ]
    assert Client().get("/oauth/applications/").status_code == 404
    assert Client().get("/oauth/authorized_tokens/").status_code == 404
