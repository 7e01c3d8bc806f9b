"""Sign-up and password reset do the same work whether the address has an account, so that time does not tell either."""

import re
import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.login import address_forms, pending_signup
from accounts.models import QueuedEmail, User
from accounts.rate_limits import RateLimit
from tests.accounts.login.test_squatted_addresses import count_hashes
from tests.accounts.test_mail_queue import use_server
from tests.chaos.report import IS_LONG, record, say
from tests.factories import PASSWORD, confirm_address

pytestmark = pytest.mark.django_db
FORMS = {"/accounts/signup/": {"password1": PASSWORD}, "/accounts/password/reset/": {}}
TRIES = 1_000 if IS_LONG else 15
# How far the share of pairs in which the taken address takes longer may be from one half. Its standard error is 0.013
# for 1,000 tries each, and 0.1 for 15; it was 0.5 when only free addresses hashed a password.
TOLERANCE = 0.08 if IS_LONG else 0.4


@pytest.fixture(autouse=True)
def _mail_is_queued(settings: Settings, sends_mail: None, monkeypatch: pytest.MonkeyPatch) -> None:
    use_server(settings, "smtp://127.0.0.1:1")
    settings.ACCOUNT_RATE_LIMITS = dict.fromkeys(("signup", "reset_password"), "")
    monkeypatch.setattr(address_forms, "RESET_LIMITS", (RateLimit("password_reset", 1_000_000, 600.0),) * 2)
    monkeypatch.setattr(pending_signup, "EMAIL_LIMITS", (RateLimit("sign_up_emails", 1_000_000, 600.0),) * 2)


@pytest.fixture
def addresses(ada: User) -> tuple[str, str]:
    """One with an account and one without, after the caches of the first requests are filled."""
    confirm_address(ada)
    for path in FORMS:
        submit(path, "first@example.org")
    return ada.email, "free@example.org"


def submit(path: str, email: str) -> None:
    assert Client().post(path, {"email": email, **FORMS[path]}).status_code == 302


@pytest.mark.parametrize("path", FORMS)
def test_both_addresses_hash_and_ask_the_same(
    path: str, addresses: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    for email in addresses:
        hashed = count_hashes(monkeypatch)
        queued = QueuedEmail.objects.count()
        with CaptureQueriesContext(connection) as made:
            submit(path, email)
        monkeypatch.undo()
        statements = [re.sub(r"'[^']*'|s\d+_x\d+|\d+", "?", query["sql"]) for query in made]
        done.append((len(hashed), QueuedEmail.objects.count() - queued, statements))
    assert done[0] == done[1]
    assert done[0][:2] == (1 if "signup" in path else 0, 1)


@pytest.mark.parametrize("path", FORMS)
def test_time_does_not_tell_who_has_an_account(path: str, addresses: tuple[str, str]) -> None:
    taken: list[float] = []
    free: list[float] = []
    for number in range(TRIES):
        pair = [(addresses[0], taken), (addresses[1], free)]
        for email, times in pair if number % 2 else reversed(pair):
            began = time.perf_counter()
            submit(path, email)
            times.append(time.perf_counter() - began)
    longer = sum((one > other) + (one == other) / 2 for one in taken for other in free) / TRIES**2
    say(f"{path}: the address with an account takes longer in {longer:.3f} of the pairs")
    is_told = abs(longer - 0.5) >= TOLERANCE
    record(
        f"who has an account, by the time of {path}", tries=2 * TRIES, lost=int(is_told), what="told apart"
    )
    assert not is_told, longer
