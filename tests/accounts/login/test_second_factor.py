"""A second factor holds at every log-in, lies sealed, and sessions are listed without what opens them."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.fields import DecryptError
from accounts.login.mfa_adapter import SecondFactorAdapter
from accounts.models import User
from tests.accounts.sessions.test_sessions import is_in, key_of, log_in, with_key
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
PAGES = [
    "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/sessions/",
]  # fmt: skip


def half_way(user: User) -> Client:
    browser = Client()
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return browser


def test_its_secret_is_sealed_and_planted_text_is_refused(ada: User) -> None:
    TOTP.activate(ada, SECRET)
    RecoveryCodes.activate(ada)
    stored = [str(row.data) for row in Authenticator.objects.all()]
    assert all(SECRET not in data for data in stored)
    assert SecondFactorAdapter().decrypt(SecondFactorAdapter().encrypt(SECRET)) == SECRET
    with pytest.raises(DecryptError):
        SecondFactorAdapter().decrypt(SECRET)


def test_a_password_alone_is_not_enough_and_a_recovery_code_works_once(ada: User) -> None:
    TOTP.activate(ada, SECRET)
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]
    first, second = half_way(ada), half_way(ada)
    assert not is_in(first)
    first.post("/accounts/2fa/authenticate/", {"code": code})
    assert is_in(first)
    second.post("/accounts/2fa/authenticate/", {"code": code})
    assert not is_in(second)


def test_the_admin_site_asks_for_it_too(carol: User) -> None:
    TOTP.activate(carol, SECRET)
    assert half_way(carol).get("/admin/").status_code == 302


def test_sessions_are_listed_by_digest_and_the_others_end(ada: User) -> None:
    here, elsewhere = log_in(ada), log_in(ada)
    rows = list(UserSession.objects.values_list("session_key", flat=True))
    assert len(rows) == 2
    assert not any(key_of(here) == str(row) or is_in(with_key(str(row))) for row in rows)
    assert "this session" in here.get("/accounts/sessions/").content.decode()
    assert here.post("/accounts/sessions/").status_code == 302
    assert is_in(here)
    assert not is_in(elsewhere)


def test_it_is_set_up_by_the_pages_and_they_are_ours(ada: User) -> None:
    browser = log_in(ada)
    for address in PAGES:
        page = browser.get(address, follow=True)
        if page.redirect_chain:  # before the secret is shown, the password is asked for once more
            page = browser.post(
                page.redirect_chain[-1][0], {"password": PASSWORD, "next": address}, follow=True
            )
        assert page.status_code == 200, address
        assert 'class="bar"' in page.content.decode()
    secret = browser.get(PAGES[1]).context["form"].secret
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    browser.post(PAGES[1], {"code": code})
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
