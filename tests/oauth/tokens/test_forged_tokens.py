"""Forged tokens are rejected: variants of a valid token, and random ones of the same form."""

import os
import random
import string
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from memories import scopes
from oauth.tokens import personal
from tests.chaos.report import record
from tests.memories.api.callers import Caller
from tests.oauth.flows import access_token, make_app, personal_token

FORGED = int(os.environ.get("FORGED_TOKENS", "500"))
ALPHABET = string.ascii_letters + string.digits


def make_personal_token(ada: User) -> str:
    return personal_token(ada, scopes.READ).secret


def make_access_token(ada: User) -> str:
    return access_token(ada, make_app(), scopes.READ)


@pytest.mark.django_db
@pytest.mark.compliance("Personal access tokens", "6")
@pytest.mark.parametrize("make_token", [make_access_token, make_personal_token])
def test_forged_tokens_are_rejected(
    ada: User, settings: LazySettings, make_token: Callable[[User], str]
) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 1_000_000
    token, rng = make_token(ada), random.Random(7)
    tried: set[str] = set()
    while len(tried) < FORGED // 2:  # variants can repeat
        tried |= {forge_token(token, rng)} - {token}
    accepted = [each for each in tried if get_status(each) != 401]
    what = make_token.__name__.removeprefix("make_").replace("_", " ")
    record(f"forged {what}s", tries=len(tried), lost=len(accepted), what=f"forged {what}s let in")
    assert accepted == []
    assert get_status(token) == 200


def forge_token(token: str, rng: random.Random) -> str:
    index = rng.randrange(len(token))
    return rng.choice(
        [
            token[:index] + rng.choice(ALPHABET) + token[index + 1 :],
            token[:index] or "x",
            token[:index] + token[index:].swapcase(),
            token[:6] + "".join(rng.choices(ALPHABET, k=len(token) - 6)),
            forge_check_digits(token, rng),
        ]
    )


def forge_check_digits(token: str, rng: random.Random) -> str:
    """Return a personal access token that is well-formed, as anybody can make one."""
    length = len(token) - len(personal.PREFIX) - personal.CHECK_CHARACTERS
    drawn = "".join(rng.choices(ALPHABET, k=length))
    return f"{personal.PREFIX}{drawn}{personal.compute_check_digits(drawn)}"


def get_status(token: str) -> int:
    return Caller(Client(), {"Authorization": f"Bearer {token}"})("get", "/memories/").status
