"""Forged tokens are rejected: variants of a valid token, and random ones of the same form."""

import os
import random
import string

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from memories import scopes
from tests.chaos.report import record
from tests.memories.api.callers import Caller
from tests.oauth.flows import access_token, make_app

FORGED = int(os.environ.get("FORGED_TOKENS", "500"))
ALPHABET = string.ascii_letters + string.digits


@pytest.mark.django_db
def test_forged_tokens_are_rejected(ada: User, settings: LazySettings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 1_000_000
    token, rng = access_token(ada, make_app(), scopes.READ), random.Random(7)
    tried: set[str] = set()
    while len(tried) < FORGED:  # variants can repeat
        tried |= {forge_token(token, rng)} - {token}
    accepted = [each for each in tried if get_status(each) != 401]
    record("forged tokens", tries=len(tried), lost=len(accepted), what="forged tokens let in")
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
        ]
    )


def get_status(token: str) -> int:
    return Caller(Client(), {"Authorization": f"Bearer {token}"})("get", "/memories/").status
