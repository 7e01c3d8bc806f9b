"""Passwords are hashed with argon2, guesses are limited, and a change does not undo other changes."""

import re
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.login import adapter
from accounts.login.adapter import AccountAdapter
from accounts.models import User
from accounts.rate_limits import RateLimit
from picard import settings as product_settings
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
HASH_IN_THREADS = """
import resource, threading
from django.conf import settings
settings.configure(PASSWORD_HASHERS=["accounts.login.hashers.BoundedArgon2PasswordHasher"])
from django.contrib.auth.hashers import get_hasher
import argon2
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
threads = [threading.Thread(target=get_hasher().encode, args=("password", "salt" * 4)) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_password_is_hashed_with_argon2(settings: Any) -> None:
    settings.PASSWORD_HASHERS = product_settings.PASSWORD_HASHERS
    person = User.objects.create_user("eve@example.org", "a walrus in the garden")
    assert identify_hasher(person.password).algorithm == "argon2"
    assert person.check_password("a walrus in the garden")


def test_changing_password_keeps_concurrent_changes(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False, sessions_era=7)
    AccountAdapter().set_password(ada, "a walrus in the garden")
    ada.refresh_from_db()
    assert ada.check_password("a walrus in the garden")
    assert (ada.is_active, ada.sessions_era) == (False, 7)


def test_hashing_takes_the_memory_of_one_hash_at_a_time() -> None:
    """Four threads of a new process, which has no Django models, so that little else takes memory."""
    done = subprocess.run([sys.executable, "-c", HASH_IN_THREADS], capture_output=True, text=True, check=True)
    before_kb, after_kb = map(int, done.stdout.split())
    assert after_kb - before_kb < 1.5 * Argon2PasswordHasher.memory_cost


def guess_wrong(email: str, network: int, times: int = 5, browser: Client | None = None) -> None:
    for number in range(times):
        (browser or Client(REMOTE_ADDR=f"192.0.2.{network}")).post(
            "/accounts/login/", {"login": email, "password": f"guess {number}"}
        )


def logs_in(user: User, browser: Client) -> bool:
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return is_logged_in(browser)


def test_guess_limit_ignores_host_and_letter_case(ada: User) -> None:
    spellings = ("ada@example.org", "Ada@example.org", "ADA@EXAMPLE.ORG")
    for number in range(5):
        guess = {"login": spellings[number % 3], "password": f"guess {number}"}
        Client(headers={"host": f"localhost:{9_000 + number}"}).post("/accounts/login/", guess)
    browser = Client(headers={"host": "localhost:9999"})
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert not is_logged_in(browser)


@pytest.fixture
def _low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "GUESS_LIMIT", RateLimit("log_in_guesses", 12, 3_600.0))


@pytest.mark.usefixtures("_low_limit")
def test_wrong_guesses_elsewhere_lock_nobody_out(ada: User) -> None:
    known = Client()
    assert logs_in(ada, known)
    known.post("/accounts/logout/")
    guess_wrong(ada.email, network=1)
    assert not logs_in(ada, Client(REMOTE_ADDR="192.0.2.1"))
    assert logs_in(ada, Client(REMOTE_ADDR="192.0.2.2"))
    for network in range(3, 6):  # many networks: then only known browsers can log in
        guess_wrong(ada.email, network)
    assert not logs_in(ada, Client(REMOTE_ADDR="192.0.2.99"))
    assert logs_in(ada, known)


def test_guesses_in_a_known_browser_are_limited_too(ada: User) -> None:
    known = Client()
    assert logs_in(ada, known)
    known.post("/accounts/logout/")
    guess_wrong(ada.email, 1, browser=known)
    assert not logs_in(ada, known)


@pytest.mark.usefixtures("_low_limit")
def test_reset_password_ends_the_limit(ada: User) -> None:
    for network in range(1, 4):
        guess_wrong(ada.email, network)
    owner = Client(REMOTE_ADDR="192.0.2.77")
    assert not logs_in(ada, owner)
    owner.post("/accounts/password/reset/", {"email": ada.email})
    [link] = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox[-1].body))
    page = owner.get(link)
    owner.post(page.headers["Location"], {"password1": PASSWORD, "password2": PASSWORD})
    assert logs_in(ada, owner)


@pytest.mark.usefixtures("_low_limit")
def test_right_passwords_do_not_count_as_guesses(ada: User) -> None:
    for _ in range(15):
        browser = Client(REMOTE_ADDR="192.0.2.5")
        assert logs_in(ada, browser)
        cache.clear()  # the limit of all log-ins of a network
