"""Numbers, codes, compounds and symbols are found however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from memories.index import joined_words, keywords
from memories.index.languages import get_language
from memories.index.passages import split_passages
from memories.models import Memory
from memories.search.exact_duplicates import OnDuplicate, create_unless_duplicate
from memories.search.query import search_memories
from tests.factories import remember, session

ENGLISH = get_language("en")

FORMS = [
    ("1,200", "1200", "1.200", "1 200", "1\u202f200"),
    ("(555) 010-4477", "5550104477", "555-010-4477", "+1 555 010 4477", "010-4477"),
    ("0114 496 0288", "+44 114 496 0288", "01144960288"),
    ("LH 454", "LH454", "LH-454", "lh 454"),
    ("e-mail", "email", "e\u2010mails"),
    ("DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
    ("2026-03-01", "20260301", "1.3.2026", "01.03.2026"),
    ("AB12 CDE", "AB12CDE", "AB12-CDE"),
    ("180 g", "180g"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("forms", FORMS, ids=lambda forms: forms[0])
def test_each_form_finds_every_other(ada: User, forms: tuple[str, ...]) -> None:
    for form in forms:
        remember(ada, f"Note: {form} is it.")
    remember(ada, "Nothing of the kind, 77 times.")
    for form in forms:
        found = [hit.memory.text for hit in search_memories(session(ada), form).hits[: len(forms)]]
        assert set(found) == {f"Note: {form} is it." for form in forms}, form


@pytest.mark.parametrize(
    "text",
    [
        "at 5 in 2024",
        "1,2,3",
        "version 3.14",
        "A and B",
        "x" * 40 + "-" + "y" * 40,
        "who is 42",
        "",
        "1.5 mg",
        "1,5 mg",
        "0.125",
        "1234.567",
        "12/5",
        "12/5 and 5/6",
        "24/7/365",
        "3.11.2",
        "2023 1500",
        "2019 2020",
        "2019-2020",
        "1500 2023",
        "2021 2022 2023",
        "2023 500 people",
        "5-6",
        "10 30",
        "12.5 10.25",
        "1234567.25",
    ],
)
def test_words_that_do_not_belong_together_stay_apart(text: str) -> None:
    assert joined_words.find_joined_words(text, ENGLISH) == []


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("12,345,678", "12345678"),
        ("1'200", "1200"),
        ("1\u00a0200 kg", "1200kg"),
        ("555.010.4477", "5550104477"),
        ("12-34-56", "123456"),
        ("0711 123456", "0711123456"),
        ("12/05/2026", "20260512"),
        ("12/05/2026", "20261205"),
        ("01.03.2026", "01032026"),
        ("GB29 NWBK 6016 1331 9268 19", "gb29nwbk60161331926819"),
    ],
)
def test_numbers_in_groups_are_joined(text: str, stem: str) -> None:
    assert stem in {each.stem for each in joined_words.find_joined_words(text, ENGLISH)}


@pytest.mark.django_db
def test_decimals_and_fractions_are_no_whole_numbers(ada: User) -> None:
    remember(ada, "I take 1.5 mg of lorazepam.")
    remember(ada, "Lunch on 12/5.")
    assert all("15" not in hit.matched for hit in search_memories(session(ada), "15 mg").hits)
    assert [hit for hit in search_memories(session(ada), "125").hits if hit.matched] == []
    assert search_memories(session(ada), "1,5 mg").hits[0].matched == ("1", "5", "mg")


@given(st.text("0123456789 -./,ab", max_size=300))
def test_joined_words_are_bounded(text: str) -> None:
    limit = 60
    words = keywords.extract_words(text, ENGLISH)
    found = joined_words.extract_index_words(text, ENGLISH, limit=limit)
    assert found[: len(words)] == words
    assert len(found) <= max(limit, len(words))
    assert len(found) <= len(words) + joined_words.MAX_JOINED
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("🎂", ["🎂"]),
        ("☕️ or ☕", ["☕"]),
        ("👍🏽 👍", ["👍"]),
        ("👩‍🚀", ["👩‍🚀", "👩", "🚀"]),
        ("🏃🏽‍♀️", ["🏃‍♀", "🏃"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("1️⃣ #️⃣", ["1⃣", "1", "#⃣"]),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", ["🏴󠁧󠁢󠁳󠁣󠁴󠁿"]),
        ("x → y", ["x", "→", "y"]),
        ("5 € ½ C++ C#", ["5", "€", "1⁄2", "c++", "c#"]),
        ("20°C, 3×4", ["20", "°", "c", "3", "×", "4"]),
        ("── | -- ... !? *#", []),
    ],
)
def test_symbols_are_words(text: str, words: list[str]) -> None:
    assert keywords.extract_words(text, ENGLISH) == words


@pytest.mark.django_db
def test_symbol_finds_the_memory_that_has_it(ada: User) -> None:
    remember(ada, "Nothing here.")
    symbols = ["🎂", "☕", "→", "C++", "€", "½", "🇩🇪", "👍"]
    for symbol in symbols:
        remember(ada, f"This one {symbol} has it.")
    for symbol in symbols:
        found = search_memories(session(ada), symbol, only_related=True).hits
        assert [hit.memory.text for hit in found] == [f"This one {symbol} has it."]


@pytest.mark.django_db
def test_same_text_is_saved_once(ada: User) -> None:
    for other in ("🎂 for Ada", "🚀", "LH454", "5550104477"):
        remember(ada, other)
    texts = ["🎂", "🎂🎂", "→", "...", "LH 454", "(555) 010-4477"]
    for text in texts * 2:
        create_unless_duplicate(session(ada), text=text, on_duplicate=OnDuplicate.RETURN)
    assert Memory.objects.count() == 4 + len(texts)


def test_symbols_do_not_break_a_phrase() -> None:
    assert keywords.normalize_text("Call Mum → 5 pm 🎂") == "call mum 5 pm"


@given(st.text("👩‍🚀👍🏽🇩🇪1️⃣ ab", max_size=2_000))
def test_symbols_are_whole_in_a_passage(text: str) -> None:
    whole = keywords.extract_words(text, ENGLISH)
    parts = [word for part in split_passages(text, ENGLISH) for word in keywords.extract_words(part, ENGLISH)]
    assert set(parts) == set(whole)
