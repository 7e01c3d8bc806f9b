"""The form of personal access tokens: check digits tell typing errors, and secret scanners find every token."""

import re
import string
import tomllib
from collections import Counter
from itertools import pairwise
from math import log2
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.actor import Channel
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from oauth.tokens.families import new_access_token, new_refresh_token
from oauth.tokens.personal import ALPHABET, PREFIX, has_valid_form, new_personal_token
from picard.config.paths import PROJECT

RANDOM, CHECK_DIGITS = "0123456789abcdefghijABCDEFGHIJ0123456789abc", "0VYw5A"
TOKEN = PREFIX + RANDOM + CHECK_DIGITS


def load_scanner_rule() -> Any:
    """Return the rule of docs/scripts.md, in the form of gitleaks."""
    page = (PROJECT / "docs" / "scripts.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    [rule] = tomllib.loads(block)["rules"]
    return rule


def test_tokens_are_random_and_well_formed() -> None:
    tokens = [new_personal_token() for _ in range(1_000)]
    assert len(set(tokens)) == 1_000
    assert all(re.fullmatch(r"pic_pat_[0-9A-Za-z]{49}", token) for token in tokens)
    assert all(map(has_valid_form, tokens))
    assert set("".join(token[8:51] for token in tokens)) == set(ALPHABET)


def test_check_digits_are_as_documented() -> None:
    """The example of docs/scripts.md, whose digits never change: old tokens must stay valid."""
    assert has_valid_form(TOKEN)
    page = (PROJECT / "docs" / "scripts.md").read_text(encoding="utf-8")
    assert f"`{RANDOM}` they are `{CHECK_DIGITS}`" in page


@pytest.mark.compliance("Personal access tokens", "5")
def test_every_single_typing_error_is_detected() -> None:
    token = new_personal_token()
    replaced = {token[:at] + other + token[at + 1 :] for at in range(8, len(token)) for other in ALPHABET}
    swapped = {
        token[:at] + second + first + token[at + 2 :]
        for at, (first, second) in enumerate(pairwise(token))
        if at >= 8
    }
    cut = {token[:at] for at in range(len(token))} | {token + other for other in string.printable}
    wrong = (replaced | swapped | cut) - {token}
    assert len(wrong) > 3_000
    assert [each for each in wrong if has_valid_form(each)] == []


@pytest.mark.compliance("Personal access tokens", "5")
@pytest.mark.parametrize("typed", [TOKEN[:-1], TOKEN + "x", TOKEN.swapcase(), TOKEN[:-1] + "ß", "pic_pat_"])
def test_mistyped_token_is_rejected_without_a_query(
    db: None, django_assert_num_queries: DjangoAssertNumQueries, typed: str
) -> None:
    with django_assert_num_queries(0), pytest.raises(InvalidAccessToken, match=r"incomplete|not issued"):
        authenticate_token(typed, Channel.API)


@pytest.mark.compliance("Personal access tokens", "6")
@pytest.mark.parametrize(
    "around", ["{}", "token={}", '"{}"', "Authorization: Bearer {}\n", "'{}',", "x={};", "({})"]
)
def test_secret_scanner_finds_every_token(around: str) -> None:
    rule = load_scanner_rule()
    for _ in range(200):
        token = new_personal_token()
        found = re.search(rule["regex"], around.format(token))
        assert found is not None
        assert found[rule.get("secretGroup", 0)] == token
        assert any(keyword in token.lower() for keyword in rule["keywords"])
        assert compute_entropy(token) >= rule["entropy"]


@pytest.mark.parametrize("text", ["pic_pat_…", "pic_pat_" + "x" * 48, "pic_pat_" + "x" * 50, "epic_pattern"])
def test_secret_scanner_ignores_other_text(text: str) -> None:
    for other in (text, new_access_token(None), new_refresh_token(None)):
        assert re.search(load_scanner_rule()["regex"], other) is None


def compute_entropy(text: str) -> float:
    """Return Shannon's entropy per character in bits, as gitleaks computes it."""
    return -sum(n / len(text) * log2(n / len(text)) for n in Counter(text).values())
