"""Codes become tokens once; refresh tokens rotate; whatever is used twice ends its family."""

import base64
from datetime import timedelta

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.hashers import BasePasswordHasher, PBKDF2PasswordHasher
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


def works(token: str) -> bool:
    try:
        authenticate_token(token, Channel.API)
    except InvalidAccessToken:
        return False
    return True


def forget_receipts() -> None:
    RotationReceipt.objects.all().delete()


def test_a_code_becomes_a_pair_of_tokens(ada: User, app: App) -> None:
    body = app.connect(ada)
    assert body["access_token"].startswith("picard_at_")
    assert body["refresh_token"].startswith("picard_rt_")
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        900,
        "memories:read memories:write",
    )
    assert works(body["access_token"])


def test_the_address_is_the_same_without_its_last_slash(ada: User, app: App) -> None:
    """As other servers have it: a redirect would lose what was posted."""
    app.token_address = "/oauth/token"
    assert works(app.connect(ada)["access_token"])


@pytest.mark.compliance("RFC 6819", "5.1.4.1.3")
@pytest.mark.compliance("Gaps of the toolkit", "4")
def test_nothing_usable_is_stored(ada: User, app: App) -> None:
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
def test_a_second_use_of_a_code_ends_what_the_first_gave(ada: User, app: App) -> None:
    code = app.code(ada)
    body = app.redeem(code).json()
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert not works(body["access_token"])
    assert app.refresh(body["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 6749", "4.1.3")
def test_a_code_is_the_clients_that_asked(ada: User, app: App) -> None:
    code = app.code(ada)
    thief = make_app("Thief")
    thief.verifier = app.verifier
    assert thief.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 6749", "4.1.2")
def test_a_code_holds_for_a_minute(ada: User, app: App) -> None:
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
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": "http://127.0.0.1:8000/mcp"}, "invalid_target"),
        ({"code": "nul\0"}, "invalid_request"),
    ],
)
def test_anything_wrong_is_refused(ada: User, app: App, change: dict[str, str], error: str) -> None:
    answer = app.redeem(app.code(ada), **change)
    assert answer.json()["error"] == error
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert answer["Cache-Control"] == "no-store"
    assert not AccessToken.objects.exists()


def test_a_refresh_gives_a_new_pair_and_ends_the_old(ada: User, app: App) -> None:
    old = app.connect(ada)
    new = app.refresh(old["refresh_token"]).json()
    assert works(new["access_token"])
    assert not works(old["access_token"])
    assert new["refresh_token"] != old["refresh_token"]


def test_a_refresh_takes_few_statements(
    ada: User, app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The limit, the lock, the app, the token with its grant, the new pair, the receipt, and the transaction's own."""
    old = app.connect(ada)["refresh_token"]
    with django_assert_max_num_queries(8):
        assert app.refresh(old).status_code == 200


def test_redeeming_takes_few_statements(
    ada: User, app: App, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The limit, the lock, the app, the code with its grant, the pair in its place, and the transaction's own."""
    code = app.code(ada)
    with django_assert_max_num_queries(7):
        assert app.redeem(code).status_code == 200


def test_a_slash_at_the_end_of_a_resource_is_forgiven_in_each_request(ada: User, app: App) -> None:
    slashed = "http://127.0.0.1:8000/api/"
    body = app.redeem(app.code(ada, resource=slashed), resource=slashed).json()
    assert works(app.refresh(body["refresh_token"], resource=slashed).json()["access_token"])


def test_what_stands_beside_a_refresh_token_has_no_other_family_held(
    ada: User, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a thief could refresh beside the owner who gives the token back."""
    held: list[str] = []
    token = app.connect(ada)["refresh_token"]
    monkeypatch.setattr(families, "lock_family_by_token", held.append)
    assert app.refresh(token, code="x", token="x").status_code == 200
    form = {"client_id": app.application.client_id, "client_secret": app.secret, "token": token}
    app.http.post("/oauth/revoke/", form | {"code": "x", "refresh_token": "x"})
    assert held == [token, token]


def test_a_repeat_is_answered_the_same_while_its_answer_was_not_used(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    first, second = app.refresh(old), app.refresh(old)
    assert first.content == second.content
    assert second["Cache-Control"] == "no-store"


@pytest.mark.compliance("RFC 9700", "4.14.2")
def test_a_replay_ends_the_family(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    new = app.refresh(old).json()
    newest = app.refresh(new["refresh_token"]).json()
    assert app.refresh(old).json()["error"] == "invalid_grant"
    assert not works(newest["access_token"])
    assert app.refresh(newest["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_receipt_is_not_for_another_client_nor_without_its_secret(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    app.refresh(old)
    assert app.refresh(old, client_secret="wrong").json()["error"] == "invalid_client"
    other = make_app("Other")
    assert other.refresh(old).json()["error"] == "invalid_grant"


def test_a_receipt_holds_for_half_a_minute(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    app.refresh(old)
    RotationReceipt.objects.update(expires_at=timezone.now())
    assert app.refresh(old).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 9700", "2.2.2")
def test_a_refresh_token_stays_with_its_client(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    assert make_app("Thief").refresh(old).json()["error"] == "invalid_grant"


@pytest.mark.compliance("RFC 9700", "2.2.2")
@pytest.mark.compliance("RFC 6749", "6")
def test_a_refresh_never_widens(ada: User, app: App) -> None:
    old = app.connect(ada, scope=scopes.READ)["refresh_token"]
    assert app.refresh(old, scope=f"{scopes.READ} {scopes.WRITE}").json()["error"] == "invalid_scope"
    assert app.refresh(old, resource="http://127.0.0.1:8000/mcp").json()["error"] == "invalid_target"
    assert app.refresh(old, scope=scopes.READ).json()["scope"] == scopes.READ


@pytest.mark.compliance("RFC 9700", "4.14.2")
def test_an_idle_refresh_token_ends_after_30_days(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=30))
    assert app.refresh(old).json()["error"] == "invalid_grant"


@pytest.mark.compliance("Gaps of the toolkit", "11")
def test_a_family_ends_after_90_days_however_busy(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    TokenFamily.objects.update(began_at=timezone.now() - timedelta(days=90))
    assert app.refresh(old).json()["error"] == "invalid_grant"


def test_a_closed_account_can_neither_redeem_nor_refresh(ada: User, app: App) -> None:
    code, old = app.code(ada), app.connect(ada)["refresh_token"]
    User.objects.update(is_active=False)
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert app.refresh(old).json()["error"] == "invalid_grant"


def test_a_disconnected_app_can_neither_redeem_nor_refresh(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    code = app.code(ada)
    grants.revoke_grant(AppGrant.objects.get())
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert app.refresh(old).json()["error"] == "invalid_grant"


def test_a_paused_app_may_refresh_but_reaches_nothing(ada: User, app: App) -> None:
    old = app.connect(ada)["refresh_token"]
    grants.pause_grant(AppGrant.objects.get())
    assert not works(app.refresh(old).json()["access_token"])


# --- Giving back -----------------------------------------------------------------------------------------


def revoke(app: App, token: str, **changes: str) -> int:
    form = {"client_id": app.application.client_id, "client_secret": app.secret, "token": token} | changes
    return int(app.http.post("/oauth/revoke/", form).status_code)


@pytest.mark.compliance("RFC 7009", "2.1")
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_giving_one_back_ends_the_pair(ada: User, app: App, which: str) -> None:
    body = app.connect(ada)
    assert revoke(app, body[which], token_type_hint=which) == 200
    assert not works(body["access_token"])
    assert app.refresh(body["refresh_token"]).status_code == 400


@pytest.mark.compliance("RFC 7009", "2.1")
def test_giving_back_a_refresh_token_that_was_used_ends_what_came_of_it(ada: User, app: App) -> None:
    """Whoever logs out while a thread of theirs refreshes, or after a thief did, shows the one before."""
    old = app.connect(ada)["refresh_token"]
    body = app.refresh(old).json()
    assert revoke(app, old) == 200
    assert not works(body["access_token"])
    assert {app.refresh(token).status_code for token in (old, body["refresh_token"])} == {400}


@pytest.mark.compliance("RFC 7009", "2.1")
def test_another_client_cannot_give_it_back(ada: User, app: App) -> None:
    body = app.connect(ada)
    assert (
        revoke(make_app("Other"), body["access_token"]) == 200
    )  # RFC 7009 2.2: whether it exists is not said
    assert works(body["access_token"])
    assert revoke(app, body["access_token"], client_secret="wrong") == 401


# --- Clients --------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 6749", "2.3.1")
def test_a_client_may_prove_itself_in_the_header(ada: User, app: App) -> None:
    code = app.code(ada)
    pair = base64.b64encode(f"{app.application.client_id}:{app.secret}".encode()).decode()
    app.http = Client(headers={"authorization": f"Basic {pair}"})
    assert app.redeem(code, client_id=None, client_secret=None).status_code == 200


@pytest.mark.parametrize("pair", ["%00:x", "nobody:x", ":", "no colon", "\xff:x"])
def test_no_header_makes_the_server_fall_over(app: App, pair: str) -> None:
    header = base64.b64encode(pair.encode("latin-1")).decode()
    for sent in (f"Basic {header}", "Basic !", "Basic", "Bearer x"):
        for path in ("/oauth/token/", "/oauth/introspect/", "/oauth/revoke/"):
            form = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
            answer = Client(headers={"authorization": sent}).post(path, form)
            assert answer.status_code == 401, (path, sent)


def test_a_public_client_needs_no_secret(ada: User) -> None:
    assert works(make_app(is_public=True).connect(ada)["access_token"])


@pytest.mark.compliance("RFC 6749", "5.2")
def test_a_confidential_client_without_its_secret_is_refused(ada: User, app: App) -> None:
    answer = app.redeem(app.code(ada), client_secret=None)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"].startswith("Basic")


def test_both_secrets_work_for_a_week(ada: User, app: App) -> None:
    old = app.secret
    new = manual_registration.rotate_client_secret(app.application)
    app.application.refresh_from_db()
    assert app.application.check_client_secret(old)
    assert app.application.check_client_secret(new)
    app.application.previous_secret_until = timezone.now()
    assert not app.application.check_client_secret(old)


@pytest.mark.compliance("Gaps of the toolkit", "9")
def test_proving_a_client_takes_no_hash_that_is_slow_on_purpose(
    ada: User, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The toolkit's default takes as long for a random secret as for a password (docs/benchmarks.md has both)."""

    def slow(*_: object, **__: object) -> None:
        raise AssertionError("hashed like a password")

    old = app.connect(ada)["refresh_token"]
    for name in ("check_password", "make_password"):
        monkeypatch.setattr(hashers, name, slow)
    monkeypatch.setattr(BasePasswordHasher, "verify", slow)
    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", slow)
    assert app.refresh(old).status_code == 200
    assert manual_registration.rotate_client_secret(app.application)


def test_an_empty_secret_matches_nothing() -> None:
    assert not client_secrets.verify_secret("", client_secrets.hash_secret(""))
    assert not client_secrets.verify_secret("x", "")
