"""Passwords are kept under argon2."""

from typing import Any

import pytest
from django.contrib.auth.hashers import identify_hasher

from accounts.models import User
from picard import settings as product

pytestmark = pytest.mark.django_db


def test_a_password_is_stored_under_argon2(settings: Any) -> None:
    settings.PASSWORD_HASHERS = product.PASSWORD_HASHERS
    person = User.objects.create_user("eve@example.org", "a walrus in the garden")
    assert identify_hasher(person.password).algorithm == "argon2"
    assert person.check_password("a walrus in the garden")
