"""Codes are single-use, refresh tokens rotate, and reuse revokes the token family."""

import base64
from datetime import timedelta

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import BasePasswordHasher, PBKDF2PasswordHasher
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from oauth import client_secrets
from oauth.access import grants
from oauth.models import AppGrant, RotationReceipt, TokenFamily
from oauth.registration import manual as manual_registration
from oauth.tokens import families
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import AccessToken, AuthorizationCode, RefreshToken
from tests.oauth.flows import App, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def is_accepted(token: str) -> bool:
    try:
        authenticate_token(token, Channel.API)
    except InvalidAccessToken:
        return False
    return True


def delete_receipts() -> None:
    RotationReceipt.objects.all().delete()


def test_code_is_exchanged_for_a_token_pair(ada: User, app: App) -> None:
    body = app.connect(ada)
    assert body["access_token"].startswith("picard_at_")
    assert body["refresh_token"].startswith("picard_rt_")
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        900,
        "memories:read memories:write",
    )
    assert is_accepted(body["access_token"])


def test_token_endpoint_works_without_trailing_slash(ada: User, app: App) -> None:
    """Many clients are configured without it, and a redirect would lose the POST body."""
    app.token_address = "/oauth/token"
    assert is_accepted(app.connect(ada)["access_token"])


@pytest.mark.compliance("RFC 6819", "5.1.4.1.3")
@pytest.mark.compliance("Gaps of the toolkit", "4")
def test_secrets_are_stored_hashed(ada: User, app: App) -> None:
    code = app.code(ada)
    assert code not in str(list(AuthorizationCode.objects.values()))
    body = app.redeem(code).json()
    app.refresh(body["refresh_token"])
    tables = (
        AuthorizationCode,
        AccessToken,
        RefreshToken,
        RotationReceipt,
        TokenFamily,
        type(app.application),
    )
    stored = str([list(table.objects.values()) for table in tables])
    for secret in (code, body["access_token"], body["refresh_token"], app.secret):
        assert secret not in stored


@pytest.mark.compliance("RFC 9700", "4.2.4")
def test_reused_code_revokes_its_tokens(ada: User, app: App) -> None:
    code = app.code(ada)
    body = app.redeem(code).json()
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert not is_accepted(body["access_token"])
    assert app.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 6749", "4.1.3")
def test_code_is_bound_to_its_client(ada: User, app: App) -> None:
    code = app.code(ada)
    thief = make_app("Thief")
    thief.verifier = app.verifier
    assert thief.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 6749", "4.1.2")
def test_code_expires_after_60_seconds(ada: User, app: App) -> None:
    code = app.code(ada)
    assert AuthorizationCode.objects.get().expires <= timezone.now() + timedelta(seconds=60)
    AuthorizationCode.objects.update(expires=timezone.now())
    assert app.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": "https://notes.example/other"}, "invalid_request"),
        ({"code": "wrong"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unauthorized_client"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": "http://127.0.0.1:8000/mcp"}, "invalid_target"),
        ({"code": "nul\0"}, "invalid_request"),
    ],
)
def test_invalid_token_request_is_rejected(ada: User, app: App, change: dict[str, str], error: str) -> None:
    response = app.redeem(app.code(ada), **change)
    assert response.json()["error"] == error
    assert response.status_code == (401 if error == "invalid_client" else 400)
    assert response["Cache-Control"] == "no-store"
    assert not AccessToken.objects.exists()


def test_refresh_replaces_the_token_pair(ada: User, app: App) -> None:
    old = app.connect(ada)
    new = app.refresh(old["refresh_token"]).json()
    assert is_accepted(new["access_token"])
    assert not is_accepted(old["access_token"])
    assert new["refresh_token"] != old["refresh_token"]


def test_refresh_takes_few_statements(
    ada: User, app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Rate limit, lock, app, token with its grant, new pair, receipt, and transaction statements."""
    old = app.connect(ada)["refresh_token"]
    with django_assert_max_num_queries(8):
        assert app.refresh(old).status_code == 200


def test_redeeming_a_code_takes_few_statements(
    ada: User, app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Rate limit, lock, app, code with its grant, new pair, and transaction statements."""
    code = app.code(ada)
    with django_assert_max_num_queries(7):
        assert app.redeem(code).status_code == 200


def test_trailing_slash_of_a_resource_is_ignored(ada: User, app: App) -> None:
    slashed = "http://127.0.0.1:8000/api/"
    body = app.redeem(app.code(ada, resource=slashed), resource=slashed).json()
    assert is_accepted(app.refresh(body["refresh_token"], resource=slashed).json()["access_token"])


def test_only_the_family_of_the_presented_token_is_locked(
    ada: User, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a thief could refresh while the owner revokes the token."""
    locked: list[str] = []
    token = app.connect(ada)["refresh_token"]
    monkeypatch.setattr(families, "lock_family_by_token", locked.append)
    assert app.refresh(token, code="x", token="x").status_code == 200
    form = {"client_id": app.application.client_id, "client_secret": app.secret, "token": token}
    app.http.post("/oauth/revoke/", form | {"code": "x", "refresh_token": "x"})
    assert locked == [token, token]


def test_retried_refresh_gets_the_same_response(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    first, second = app.refresh(old), app.refresh(old)
    assert first.content == second.content
    assert second["Cache-Control"] == "no-store"


@pytest.mark.compliance("RFC 9700", "4.14.2")
def test_reused_refresh_token_revokes_the_family(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    new = app.refresh(old).json()
    newest = app.refresh(new["refresh_token"]).json()
    assert app.refresh(old).json()["error"] == "invalid_grant"
    assert not is_accepted(newest["access_token"])
    assert app.refresh(newest["refresh_token"]).json()["error"] == "invalid_grant"


def test_receipt_requires_its_authenticated_client(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    app.refresh(old)
    assert app.refresh(old, client_secret="wrong").json()["error"] == "invalid_client"
    other = make_app("Other")
    assert other.refresh(old).json()["error"] == "invalid_grant"


def wait(seconds: float) -> None:
    """Let time pass for the stored responses."""
    RotationReceipt.objects.update(expires_at=F("expires_at") - timedelta(seconds=seconds))


def test_late_retry_gets_the_tokens_while_their_refresh_token_is_unused(ada: User, app: App) -> None:
    """Processes that share a token store meet it: one refreshes, and the others have the old token."""
    old = app.connect(ada)["refresh_token"]
    new = app.refresh(old).json()
    for seconds in (100, 280):
        wait(100 if seconds == 100 else 180)
        retried = app.refresh(old).json()
        assert retried | {"expires_in": 900} == new
        assert retried["expires_in"] in range(900 - seconds - 5, 900 - seconds + 1)
    assert is_accepted(new["access_token"])
    assert is_accepted(app.refresh(new["refresh_token"]).json()["access_token"])


def test_late_retry_after_the_next_refresh_revokes_the_family(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    newest = app.refresh(app.refresh(old).json()["refresh_token"]).json()
    wait(60)
    assert app.refresh(old).json()["error"] == "invalid_grant"
    assert not is_accepted(newest["access_token"])


def test_retry_after_five_minutes_revokes_the_family(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    new = app.refresh(old).json()
    wait(300)
    assert app.refresh(old).json()["error"] == "invalid_grant"
    assert not is_accepted(new["access_token"])
    assert app.refresh(new["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 9700", "2.2.2")
def test_refresh_token_is_bound_to_its_client(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    assert make_app("Thief").refresh(old).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 9700", "2.2.2")
@pytest.mark.compliance("RFC 6749", "6")
def test_refresh_cannot_add_scopes_or_resources(ada: User, app: App) -> None:
    old = app.connect(ada, scope=scopes.READ)["refresh_token"]
    assert app.refresh(old, scope=f"{scopes.READ} {scopes.WRITE}").json()["error"] == "invalid_scope"
    assert app.refresh(old, resource="http://127.0.0.1:8000/mcp").json()["error"] == "invalid_target"
    assert app.refresh(old, scope=scopes.READ).json()["scope"] == scopes.READ


@pytest.mark.compliance("RFC 6749", "6")
@pytest.mark.compliance("RFC 8707", "2.2")
def test_refresh_narrows_one_access_token_only(ada: User, app: App) -> None:
    """The new refresh token must have the scope of the old one."""
    api, mcp = "http://127.0.0.1:8000/api", "http://127.0.0.1:8000/mcp"
    body = app.connect(ada, resource=None)
    for _ in range(2):
        body = app.refresh(body["refresh_token"], scope=scopes.READ, resource=mcp).json()
        token = AccessToken.objects.get()
        assert (body["scope"], token.scope, token.resource) == (scopes.READ, scopes.READ, [mcp])
        assert not is_accepted(body["access_token"])
    body = app.refresh(body["refresh_token"], resource=api).json()
    assert body["scope"] == f"{scopes.READ} {scopes.WRITE}"
    assert AccessToken.objects.get().resource == [api]
    body = app.refresh(body["refresh_token"]).json()
    assert (body["scope"], AccessToken.objects.get().resource) == (
        f"{scopes.READ} {scopes.WRITE}",
        [api, mcp],
    )


def test_code_redeemed_for_one_resource_keeps_the_others(ada: User, app: App) -> None:
    code = app.code(ada, resource=None)
    body = app.redeem(code, resource="http://127.0.0.1:8000/mcp").json()
    assert not is_accepted(body["access_token"])
    assert is_accepted(app.refresh(body["refresh_token"]).json()["access_token"])


def test_widening_a_refresh_again_stays_within_the_grant(ada: User, app: App) -> None:
    body = app.connect(ada)
    body = app.refresh(body["refresh_token"], scope=scopes.READ).json()
    grants.update_grant(AppGrant.objects.get(), grants.GrantOptions(frozenset({scopes.READ})))
    token = app.refresh(body["refresh_token"]).json()["access_token"]
    assert authenticate_token(token, Channel.API).scopes == {scopes.READ}


def test_family_of_an_earlier_version_keeps_the_scope_of_its_last_token(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    TokenFamily.objects.update(scope="")
    assert app.refresh(old).json()["scope"] == f"{scopes.READ} {scopes.WRITE}"


@pytest.mark.compliance("RFC 9700", "4.14.2")
def test_idle_refresh_token_expires_after_30_days(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=30))
    assert app.refresh(old).json()["error"] == "invalid_grant"


@pytest.mark.compliance("Gaps of the toolkit", "11")
def test_family_expires_after_90_days_even_if_used(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    TokenFamily.objects.update(began_at=timezone.now() - timedelta(days=90))
    assert app.refresh(old).json()["error"] == "invalid_grant"


def test_closed_account_can_neither_redeem_nor_refresh(ada: User, app: App) -> None:
    code, old = app.code(ada), app.connect(ada)["refresh_token"]
    User.objects.update(is_active=False)
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert app.refresh(old).json()["error"] == "invalid_grant"


def test_disconnected_app_can_neither_redeem_nor_refresh(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    code = app.code(ada)
    grants.revoke_grant(AppGrant.objects.get())
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert app.refresh(old).json()["error"] == "invalid_grant"


def test_paused_app_can_refresh_but_not_call_the_api(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    grants.pause_grant(AppGrant.objects.get())
    assert not is_accepted(app.refresh(old).json()["access_token"])


# --- Revocation ------------------------------------------------------------------------------------------


def revoke(app: App, token: str, **changes: str) -> int:
    form = {"client_id": app.application.client_id, "client_secret": app.secret, "token": token} | changes
    return int(app.http.post("/oauth/revoke/", form).status_code)


@pytest.mark.compliance("RFC 7009", "2.1")
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_one_token_revokes_the_pair(ada: User, app: App, which: str) -> None:
    body = app.connect(ada)
    assert revoke(app, body[which], token_type_hint=which) == 200
    assert not is_accepted(body["access_token"])
    assert app.refresh(body["refresh_token"]).status_code == 400


@pytest.mark.compliance("RFC 7009", "2.1")
def test_revoking_a_used_refresh_token_revokes_the_family(ada: User, app: App) -> None:
    """A client that revokes during its own refresh, or after a thief's, has only the old token."""
    old = app.connect(ada)["refresh_token"]
    body = app.refresh(old).json()
    assert revoke(app, old) == 200
    assert not is_accepted(body["access_token"])
    assert {app.refresh(token).status_code for token in (old, body["refresh_token"])} == {400}


@pytest.mark.compliance("RFC 7009", "2.1")
def test_another_client_cannot_revoke_a_token(ada: User, app: App) -> None:
    body = app.connect(ada)
    # RFC 7009 2.2: the response does not reveal whether the token exists.
    assert revoke(make_app("Other"), body["access_token"]) == 200
    assert is_accepted(body["access_token"])
    assert revoke(app, body["access_token"], client_secret="wrong") == 401


# --- Clients --------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 6749", "2.3.1")
def test_client_can_authenticate_with_http_basic(ada: User, app: App) -> None:
    code = app.code(ada)
    pair = base64.b64encode(f"{app.application.client_id}:{app.secret}".encode()).decode()
    app.http = Client(headers={"authorization": f"Basic {pair}"})
    assert app.redeem(code, client_id=None, client_secret=None).status_code == 200


@pytest.mark.parametrize("pair", ["%00:x", "nobody:x", ":", "no colon", "\xff:x"])
def test_malformed_basic_credentials_are_rejected(app: App, pair: str) -> None:
    header = base64.b64encode(pair.encode("latin-1")).decode()
    for authorization in (f"Basic {header}", "Basic !", "Basic", "Bearer x"):
        for path in ("/oauth/token/", "/oauth/introspect/", "/oauth/revoke/"):
            form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
            response = Client(headers={"authorization": authorization}).post(path, form)
            assert response.status_code == 401, (path, authorization)


def test_public_client_needs_no_secret(ada: User) -> None:
    assert is_accepted(make_app(is_public=True).connect(ada)["access_token"])


@pytest.mark.compliance("RFC 6749", "5.2")
def test_confidential_client_without_secret_is_rejected(ada: User, app: App) -> None:
    response = app.redeem(app.code(ada), client_secret=None)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response["WWW-Authenticate"].startswith("Basic")


def test_both_secrets_work_until_the_overlap_ends(ada: User, app: App) -> None:
    old = app.secret
    new = manual_registration.rotate_client_secret(app.application)
    app.application.refresh_from_db()
    assert app.application.check_client_secret(old)
    assert app.application.check_client_secret(new)
    app.application.previous_secret_until = timezone.now()
    assert not app.application.check_client_secret(old)


@pytest.mark.compliance("Gaps of the toolkit", "9")
def test_client_authentication_uses_no_password_hash(
    ada: User, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The toolkit's default hashes client secrets as slowly as passwords (docs/benchmarks.md has both)."""

    def slow(*_: object, **__: object) -> None:
        raise AssertionError("hashed like a password")

    old = app.connect(ada)["refresh_token"]
    for name in ("check_password", "make_password"):
        monkeypatch.setattr(hashers, name, slow)
    monkeypatch.setattr(BasePasswordHasher, "verify", slow)
    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", slow)
    assert app.refresh(old).status_code == 200
    assert manual_registration.rotate_client_secret(app.application)


def test_empty_secret_never_matches() -> None:
    assert not client_secrets.verify_secret("", client_secrets.hash_secret(""))
    assert not client_secrets.verify_secret("x", "")
