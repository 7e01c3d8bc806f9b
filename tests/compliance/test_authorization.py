"""The authorization endpoint, section by section."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import User
from memories import scopes
from oauth.models import AppGrant, Application
from tests.oauth.flows import REDIRECT, YES, App, make_app

pytestmark = pytest.mark.django_db
AUTHORIZE = "/oauth/authorize/"
ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
def app() -> App:
    return make_app()


def get_redirect_params(response: object) -> dict[str, str]:
    """Return the parameters of the redirect to the app."""
    parts = urlsplit(response["Location"])  # type: ignore[index]
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


REGISTERED = "https://notes.example/callback?a=1 http://127.0.0.1/cb http://localhost:3000/cb http://[::1]/cb"


@pytest.mark.compliance("RFC 9700", "2.1")
@pytest.mark.parametrize(
    ("uri", "is_allowed"),
    [
        ("https://notes.example/callback?a=1", True),
        ("https://notes.example/callback", False),
        ("https://notes.example/callback?a=1&b=2", False),
        ("https://notes.example/callback?a=1#", False),
        ("https://notes.example:443/callback?a=1", False),
        ("https://NOTES.example/callback?a=1", False),
        ("https://notes.example/./callback?a=1", False),
        ("https://notes.example.evil.example/callback?a=1", False),
        ("https://notes.example@evil.example/callback?a=1", False),
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:51000/cb", True),
        ("http://127.0.0.1:51000/other", False),
        ("http://localhost:51000/cb", True),
        ("http://localhost/cb", True),
        ("http://[::1]:51000/cb", True),
        ("http://127.0.0.2:51000/cb", False),
        ("http://127.0.0.1:51000@evil.example/cb", False),
        ("http://127.0.0.1.evil.example/cb", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_redirect_uris_match_exactly_and_only_loopback_ports_are_free(
    app: App, ada_client: Client, uri: str, is_allowed: bool
) -> None:
    Application.objects.update(redirect_uris=REGISTERED)
    page = ada_client.get(AUTHORIZE, app.request(redirect_uri=uri))
    assert page.status_code == (200 if is_allowed else 400)


@pytest.mark.compliance("RFC 9700", "4.11")
@pytest.mark.parametrize("change", [{"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}])
def test_no_open_redirector(app: App, ada_client: Client, change: dict[str, str]) -> None:
    page = ada_client.get(AUTHORIZE, app.request(**change, scope="nonsense"))
    assert page.status_code == 400
    assert "Location" not in page


@pytest.mark.compliance("RFC 7636", "4.4.1")
@pytest.mark.compliance("RFC 9700", "2.1.1")
@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 44},
        {"code_challenge_method": "s256"},
    ],
)
def test_pkce_is_required_and_cannot_be_downgraded(app: App, change: dict[str, str | None]) -> None:
    response = Client().get(AUTHORIZE, app.request(**change))
    assert response.status_code == 303
    assert get_redirect_params(response)["error"] == "invalid_request"


@pytest.mark.compliance("RFC 9700", "2.1.2")
@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", "none", ""])
def test_no_implicit_grant(app: App, response_type: str) -> None:
    response = Client().get(AUTHORIZE, app.request(response_type=response_type))
    assert response.status_code == 303
    assert get_redirect_params(response)["error"] in (
        "unsupported_response_type",
        "unauthorized_client",
        "invalid_request",
    )


@pytest.mark.compliance("RFC 8707", "2")
@pytest.mark.parametrize(
    "resource", ["https://elsewhere.example", f"{ISSUER}/api/v1", f"{ISSUER}/admin", "x", f"{ISSUER}/api#x"]
)
def test_unknown_resource_is_rejected_before_consent(app: App, resource: str) -> None:
    assert (
        get_redirect_params(Client().get(AUTHORIZE, app.request(resource=resource)))["error"]
        == "invalid_target"
    )


@pytest.mark.compliance("RFC 9207", "2")
def test_success_and_error_responses_contain_the_issuer(ada: User, ada_client: Client, app: App) -> None:
    allowed = ada_client.post(AUTHORIZE, {**YES, "scopes": [scopes.READ]}, query_params=app.request())
    denied = ada_client.post(AUTHORIZE, {"answer": "cancel"}, query_params=app.request())
    failed = ada_client.get(AUTHORIZE, app.request(scope="nonsense"))
    assert [get_redirect_params(each)["iss"] for each in (allowed, denied, failed)] == [ISSUER] * 3


@pytest.mark.compliance("RFC 9700", "4.12")
def test_authorization_response_is_a_303(ada_client: Client, app: App) -> None:
    for answer in ("allow", "cancel"):
        form = {**YES, "answer": answer, "scopes": [scopes.READ]}
        assert ada_client.post(AUTHORIZE, form, query_params=app.request()).status_code == 303


@pytest.mark.compliance("RFC 9700", "4.16")
def test_consent_page_cannot_be_framed_and_posts_only_to_the_app(ada_client: Client, app: App) -> None:
    page = ada_client.get(AUTHORIZE, app.request())
    policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))
    assert page["X-Frame-Options"] == "DENY"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"].split() == ["'self'", "https://notes.example"]
    assert "no-store" in page["Cache-Control"]


@pytest.mark.compliance("RFC 6749", "10.12")
def test_consent_requires_a_csrf_token(ada: User, app: App) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    forged = browser.post(AUTHORIZE, {**YES, "scopes": [scopes.READ]}, query_params=app.request())
    assert forged.status_code == 403
    assert not AppGrant.objects.exists()


@pytest.mark.compliance("RFC 6749", "3.1")
@pytest.mark.parametrize(
    "name", ["client_id", "scope", "state", "redirect_uri", "code_challenge", "response_type"]
)
def test_duplicate_authorization_parameter_is_rejected(ada_client: Client, app: App, name: str) -> None:
    request = app.request()
    page = ada_client.get(AUTHORIZE, {**request, name: [request[name], request[name]]})
    assert page.status_code == 400
    assert "Location" not in page


@pytest.mark.compliance("RFC 6749", "3.3")
@pytest.mark.parametrize("scope", ["nonsense", f"{scopes.READ} nonsense", scopes.ADMIN])
def test_scope_that_is_not_allowed_for_the_app_is_rejected(app: App, scope: str) -> None:
    assert get_redirect_params(Client().get(AUTHORIZE, app.request(scope=scope)))["error"] == "invalid_scope"


@pytest.mark.compliance("RFC 7636", "4.6")
@pytest.mark.parametrize("verifier", [None, "", "x" * 43, "challenge"])
def test_code_is_redeemed_only_with_its_verifier(ada: User, app: App, verifier: str | None) -> None:
    sent_verifier = app.challenge if verifier == "challenge" else verifier
    response = app.redeem(app.code(ada), code_verifier=sent_verifier)
    assert response.status_code == 400
    assert response.json()["error"] in ("invalid_grant", "invalid_request")


@pytest.mark.compliance("RFC 6749", "4.1.3")
def test_token_request_needs_the_redirect_uri_of_the_authorization_request(ada: User, app: App) -> None:
    Application.objects.update(redirect_uris=f"{REDIRECT} https://notes.example/other")
    assert app.redeem(app.code(ada), redirect_uri="https://notes.example/other").status_code == 400


@pytest.mark.compliance("RFC 6749", "4.1.2")
def test_state_is_returned_unchanged(ada_client: Client, app: App) -> None:
    state = "a b&c=d%20é✓" + "x" * 300
    allowed = {**YES, "scopes": [scopes.READ]}
    for form in (allowed, {"answer": "cancel"}):
        answer = ada_client.post(AUTHORIZE, form, query_params=app.request(state=state))
        assert get_redirect_params(answer)["state"] == state


def test_admin_approved_app_can_request_the_admin_scope(ada_client: Client) -> None:
    app = make_app(may_manage=True)
    assert ada_client.get(AUTHORIZE, app.request(scope=scopes.ADMIN)).status_code == 200


@pytest.mark.compliance("RFC 9700", "2.3")
def test_missing_scope_means_read_only(ada: User, ada_client: Client, app: App) -> None:
    form = {**YES, "scopes": [scopes.READ, scopes.WRITE]}
    assert ada_client.post(AUTHORIZE, form, query_params=app.request(scope=None)).status_code == 422
    form["scopes"] = [scopes.READ]
    assert ada_client.post(AUTHORIZE, form, query_params=app.request(scope=None)).status_code == 303


@pytest.mark.compliance("OAuth 2.0 Multiple Response Types", "2.1")
def test_fragment_response_mode_is_rejected(app: App) -> None:
    response = Client().get(AUTHORIZE, app.request(response_mode="fragment"))
    assert get_redirect_params(response)["error"] == "invalid_request"


@pytest.mark.compliance("RFC 9700", "2.6")
def test_authorization_endpoint_has_no_cors(ada_client: Client, app: App) -> None:
    response = ada_client.get(AUTHORIZE, app.request(), headers={"origin": "https://notes.example"})
    preflight = ada_client.options(AUTHORIZE, headers={"origin": "https://notes.example"})
    assert "Access-Control-Allow-Origin" not in response
    assert "Access-Control-Allow-Origin" not in preflight


@pytest.mark.parametrize("query", ["client_id=%00", "client_id=%zz", "%", "a=b;c=d", "scope=" + "x" * 5_000])
def test_malformed_requests_cause_no_server_error(ada_client: Client, query: str) -> None:
    assert ada_client.get(f"{AUTHORIZE}?{query}").status_code == 400
