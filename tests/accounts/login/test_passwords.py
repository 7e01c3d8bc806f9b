"""Passwords are kept under argon2, guessed a few times only, and changed without undoing anything else."""

from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.test import Client

from accounts.login.adapter import AccountAdapter
from accounts.models import User
from picard import settings as product
from tests.accounts.sessions.test_sessions import is_in
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def test_a_password_is_stored_under_argon2(settings: Any) -> None:
    settings.PASSWORD_HASHERS = product.PASSWORD_HASHERS
    person = User.objects.create_user("eve@example.org", "a walrus in the garden")
    assert identify_hasher(person.password).algorithm == "argon2"
    assert person.check_password("a walrus in the garden")


def test_a_new_one_undoes_nothing_that_happened_meanwhile(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False, sessions_era=7)
    AccountAdapter().set_password(ada, "a walrus in the garden")
    ada.refresh_from_db()
    assert ada.check_password("a walrus in the garden")
    assert (ada.is_active, ada.sessions_era) == (False, 7)


def test_another_host_or_spelling_gives_no_further_guesses(ada: User) -> None:
    spellings = ("ada@example.org", "Ada@example.org", "ADA@EXAMPLE.ORG")
    for number in range(5):
        guess = {"login": spellings[number % 3], "password": f"guess {number}"}
        Client(headers={"host": f"localhost:{9_000 + number}"}).post("/accounts/login/", guess)
    browser = Client(headers={"host": "localhost:9999"})
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert not is_in(browser)
