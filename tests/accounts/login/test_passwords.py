"""Passwords are hashed with argon2, guesses are limited, and a change does not undo other changes."""

from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.test import Client

from accounts.login.adapter import AccountAdapter
from accounts.models import User
from picard import settings as product_settings
from tests.accounts.sessions.test_sessions import is_logged_in
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


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


def test_guess_limit_ignores_host_and_letter_case(ada: User) -> None:
    spellings = ("ada@example.org", "Ada@example.org", "ADA@EXAMPLE.ORG")
    for number in range(5):
        guess = {"login": spellings[number % 3], "password": f"guess {number}"}
        Client(headers={"host": f"localhost:{9_000 + number}"}).post("/accounts/login/", guess)
    browser = Client(headers={"host": "localhost:9999"})
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert not is_logged_in(browser)
