"""Tokens that nobody issued let nobody in: near misses of a real one, and others of its form."""

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
def test_a_forged_token_lets_nobody_in(ada: User, settings: LazySettings) -> None:
    settings.API_ANONYMOUS_PER_MINUTE = 1_000_000
    token, dice = access_token(ada, make_app(), scopes.READ), random.Random(7)
    tried: set[str] = set()
    while len(tried) < FORGED:  # of the near misses some are drawn twice
        tried |= {forged(token, dice)} - {token}
    let_in = [each for each in tried if ask(each) != 401]
    record("forged tokens", tries=len(tried), lost=len(let_in), what="forged tokens let in")
    assert let_in == []
    assert ask(token) == 200


def forged(token: str, dice: random.Random) -> str:
    place = dice.randrange(len(token))
    return dice.choice(
        [
            token[:place] + dice.choice(ALPHABET) + token[place + 1 :],
            token[:place] or "x",
            token[:place] + token[place:].swapcase(),
            token[:6] + "".join(dice.choices(ALPHABET, k=len(token) - 6)),
        ]
    )


def ask(token: str) -> int:
    return Caller(Client(), {"Authorization": f"Bearer {token}"})("get", "/memories/").status
