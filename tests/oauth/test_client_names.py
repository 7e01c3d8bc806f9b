"""Names of apps: emoji stay, what is invisible or misleading is removed, and long names are shortened."""

import pytest

from oauth.client_names import clean_name, get_name_error

CODER = "\U0001f469\U0001f3fd\u200d\U0001f4bb"  # woman, skin tone, joiner, computer
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
HEART = "\u2764\ufe0f\u200d\U0001f525"
FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize(
    "name",
    [
        "Claude",
        "Notes \u2764\ufe0f",
        f"Family {FAMILY}",
        f"{CODER}{HEART}{FLAG}",
        "1\ufe0f\u20e3 One",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian with a non-joiner
        "\u0915\u094d\u200d\u0937",  # Hindi with a joiner
        "e\u0301t\u0301",
        "",
    ],
)
def test_name_that_users_can_read_stays_as_it_is(name: str) -> None:
    assert get_name_error(name) == ""
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("No\u2060tes", "Notes"),
        ("Clau\u200dde", "Claude"),
        ("Clau\ufe0fde", "Claude"),
        ("Claude\U000e0067", "Claude"),
        ("\u2066Claude\u2069", "Claude"),
        ("\ufe0f\u200dClaude", "Claude"),
        ("\u2764\u200b\u200d\u200bx", "\u2764x"),
        ("a\n\tb\u00a0\u3000 c\u2028d ", "a b c d"),
        ("\u2800\u3164 ", ""),
        ("\0\ud800\ue000", ""),
        ("\u0316a", "a"),
        ("a" + "\u0316" * 9, "a" + "\u0316" * 6),
    ],
)
def test_invisible_and_misleading_characters_are_removed(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned
    assert get_name_error(cleaned) == ""
    assert get_name_error(name) != ""


@pytest.mark.parametrize(
    ("name", "shortened"),
    [
        ("a" * 81, "a" * 80),
        ("a " * 60, ("a " * 40).strip()),
        ("a" * 79 + CODER, "a" * 79),
        ("a" * 79 + HEART, "a" * 79),
        ("a" * 79 + FLAG, "a" * 79),
        ("a" * 78 + FLAG * 2, "a" * 78 + FLAG),
        ("a" * 79 + "e\u0301", "a" * 79),
        ("\U0001f468\u200d" * 60, "\U0001f468\u200d" * 39 + "\U0001f468"),
    ],
)
def test_long_name_is_cut_between_two_visible_characters(name: str, shortened: str) -> None:
    assert clean_name(name) == shortened
    assert get_name_error(shortened) == ""


@pytest.mark.parametrize(
    "character", ["\u200d", "\U0001f468\u200d", "\u0301", "\u202e", "\U0001f1e9", " ", "a\ufe0f"]
)
def test_any_repetition_has_a_valid_name(character: str) -> None:
    cleaned = clean_name(character * 10_000)
    assert get_name_error(cleaned) == ""
