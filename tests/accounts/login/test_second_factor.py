"""Two-factor authentication applies to every log-in, secrets are encrypted, sessions are listed by digest."""

import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.fields import DecryptError
from accounts.keys import get_server_key
from accounts.login.sealed_authenticators import count_unbound_authenticators
from accounts.models import User
from core.crypto import seal_to_text
from tests.accounts.sessions.test_sessions import get_session_key, is_logged_in, log_in, make_client_with_key
from tests.factories import PASSWORD
from tests.totp import compute_held_code, hold_totp_step

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
PAGES = [
    "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/sessions/",
]  # fmt: skip


def start_login(user: User) -> Client:
    browser = Client()
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return browser


def read_stored(kind: str, user: User) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select data::text from mfa_authenticator where type = %s and user_id = %s", [kind, user.pk]
        )
        return str(cursor.fetchone()[0])


def write_stored(kind: str, user: User, data: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "update mfa_authenticator set data = %s where type = %s and user_id = %s", [data, kind, user.pk]
        )


def test_data_of_second_factors_is_encrypted_and_plain_text_is_rejected(ada: User) -> None:
    TOTP.activate(ada, SECRET)
    RecoveryCodes.activate(ada)
    assert all(read_stored(kind, ada).startswith('{"sealed": ') for kind in ("totp", "recovery_codes"))
    assert SECRET not in read_stored("totp", ada)
    assert Authenticator.objects.get(type="totp").data == {"secret": SECRET}
    write_stored("totp", ada, json.dumps({"secret": SECRET}))
    with pytest.raises(DecryptError):
        TOTP(Authenticator.objects.get(type="totp")).validate_code("000000")
    with pytest.raises(FieldError):
        Authenticator.objects.update(data={"secret": SECRET})


def test_second_factor_of_another_user_does_not_open(ada: User, bob: User) -> None:
    for user in (ada, bob):
        TOTP.activate(user, SECRET)
        RecoveryCodes.activate(user)
    for kind in ("totp", "recovery_codes"):
        write_stored(kind, bob, read_stored(kind, ada))
        with pytest.raises(DecryptError):
            _ = Authenticator.objects.get(user=bob, type=kind).data
    write_stored("totp", ada, read_stored("recovery_codes", ada))
    with pytest.raises(DecryptError):
        _ = Authenticator.objects.get(user=ada, type="totp").data


def test_passkey_added_in_the_database_is_not_accepted(ada: User) -> None:
    Authenticator.objects.create(user=ada, type="webauthn", data={"name": "Phone", "credential": {}})
    assert Authenticator.objects.get().wrap().name == "Phone"
    write_stored("webauthn", ada, json.dumps({"name": "Thief", "credential": {}}))
    with pytest.raises(DecryptError):
        _ = Authenticator.objects.get().wrap().name


def test_rotation_does_not_accept_a_passkey_that_was_written_to_the_database(ada: User) -> None:
    """Master keys are rotated just when somebody may have had access."""
    Authenticator.objects.create(user=ada, type="webauthn", data={"name": "Phone", "credential": {}})
    write_stored("webauthn", ada, json.dumps({"name": "Thief", "credential": {}}))
    with pytest.raises(CommandError, match="not bound"):
        call_command("keys", "rotate")
    with pytest.raises(DecryptError):
        _ = Authenticator.objects.get().wrap().name


def test_second_factors_of_an_earlier_release_work_once_they_are_bound(ada: User) -> None:
    codes = RecoveryCodes.activate(ada).get_unused_codes()
    TOTP.activate(ada, SECRET)
    cipher = get_server_key().mfa_cipher
    for kind, name in (("totp", "secret"), ("recovery_codes", "seed")):
        data = Authenticator.objects.get(type=kind).data
        data[name] = seal_to_text(cipher, data[name].encode(), b"mfa_authenticator")
        write_stored(kind, ada, json.dumps(data))
    assert count_unbound_authenticators() == 2
    call_command("keys", "rotate", bind=True)
    assert count_unbound_authenticators() == 0
    assert RecoveryCodes.activate(ada).get_unused_codes() == codes
    assert Authenticator.objects.get(type="totp").data == {"secret": SECRET}


def test_second_factor_is_required_and_recovery_code_works_once(ada: User) -> None:
    TOTP.activate(ada, SECRET)
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]
    first, second = start_login(ada), start_login(ada)
    assert not is_logged_in(first)
    first.post("/accounts/2fa/authenticate/", {"code": code})
    assert is_logged_in(first)
    second.post("/accounts/2fa/authenticate/", {"code": code})
    assert not is_logged_in(second)


def test_admin_site_requires_second_factor(carol: User) -> None:
    TOTP.activate(carol, SECRET)
    assert start_login(carol).get("/admin/").status_code == 302


def test_sessions_are_listed_by_digest_and_others_can_be_ended(ada: User) -> None:
    browser, other = log_in(ada), log_in(ada)
    rows = list(UserSession.objects.values_list("session_key", flat=True))
    assert len(rows) == 2
    assert not any(
        get_session_key(browser) == str(row) or is_logged_in(make_client_with_key(str(row))) for row in rows
    )
    assert "this session" in browser.get("/accounts/sessions/").content.decode()
    assert browser.post("/accounts/sessions/").status_code == 302
    assert is_logged_in(browser)
    assert not is_logged_in(other)


def test_totp_is_set_up_on_pages_with_the_site_layout(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_totp_step(monkeypatch)
    browser = log_in(ada)
    for address in PAGES:
        page = browser.get(address, follow=True)
        if page.redirect_chain:  # the password must be confirmed before the secret is shown
            page = browser.post(
                page.redirect_chain[-1][0], {"password": PASSWORD, "next": address}, follow=True
            )
        assert page.status_code == 200, address
        assert 'class="bar"' in page.content.decode()
    secret = browser.get(PAGES[1]).context["form"].secret
    browser.post(PAGES[1], {"code": compute_held_code(secret)})
    assert Authenticator.objects.filter(user=ada, type="totp").exists()
    for address in (
        "/accounts/2fa/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/2fa/recovery-codes/generate/",
        "/accounts/2fa/totp/deactivate/",
    ):
        page = browser.get(address, follow=True)
        assert page.status_code == 200, address
        assert 'class="bar"' in page.content.decode()
