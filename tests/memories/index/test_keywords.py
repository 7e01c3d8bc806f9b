"""Keyword extraction for the index and for queries."""

from itertools import chain
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.index import keywords
from memories.index.keywords import extract_words, hash_words
from memories.index.languages import get_language
from memories.index.names import extract_names

ENGLISH = get_language("en")
KEY = b"k" * 32

SPLIT_EXAMPLES = (
    "Bees",
    "the",
    "don't",
    "café",
    "cafe\u0301",
    "我养蜜蜂",
    "❤️",
    "👩‍👧",
    "C++",
    "x" * 200,
    "Häuser",
    "1,200",
)


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("", []),
        ("Running runs RAN to run", ["run"]),
        ("She went, I bought", ["go", "buy"]),
        ("Don't you know it's Ada's?", ["know", "ada"]),
        ("don’t O’Brien’s rock'n'roll", ["obrien", "rocknrol"]),
        ("the café, the cafe\u0301, the cafe", ["cafe"]),
        ("C++ and C# but not A+ or issue#5", ["c++", "c#", "issu", "5"]),
        ("snake_case, e-mail; 3.14", ["snake", "case", "e", "mail", "3", "14"]),
        ("co\u00adoperate", ["cooper"]),
        ("Foo™ ＡＢＣ m²", ["foo", "™", "abc", "m2"]),
        ("猫", ["猫"]),
        ("東京に", ["東", "東京", "京", "京に"]),
        ("Python3を使う", ["python3", "を使", "使", "使う"]),
        ("สวัส", ["สว", "วั", "ัส"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("\U0001f600 -- ...", ["\U0001f600"]),
    ],
)
def test_extract_words_returns_stems(text: str, stems: list[str]) -> None:
    assert extract_words(text, ENGLISH) == stems


@pytest.mark.parametrize(
    "question", ["who am I", "it", "What did you do?", "Isn't that what she's been doing?"]
)
def test_query_of_stop_words_has_no_words(question: str) -> None:
    assert extract_words(question, ENGLISH) == []


def test_may_is_recognized_as_month() -> None:
    assert extract_words("what did I do in May 2023?", ENGLISH) == ["may", "2023"]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What does Maria eat in Paris?", {"maria", "pari"}),
        ("Maria eats what?", set()),  # every sentence begins with a capital letter
        ("Who had dinner on a Sunday in May?", set()),
        ("What do I like?", set()),
        ("WHAT DOES MARIA EAT?", set()),
        ("what does maria eat?", set()),
        ("Was frisst Мария?", {"мария"}),
        ("", set()),
    ],
)
def test_names_are_words_capitalized_within_sentence(question: str, names: set[str]) -> None:
    assert extract_names(question, ENGLISH) == names


def test_irregular_verbs_do_not_fold_to_stop_words() -> None:
    verbs = keywords._load_irregular_verbs()
    assert len(verbs) > 150
    assert not set(verbs.values()) & ENGLISH.stop_words
    assert (
        not verbs.keys() & verbs.values()
    )  # otherwise a form that is another verb's base would fold only one way


@given(st.text(), st.text())
def test_word_between_spaces_is_always_extracted(before: str, after: str) -> None:
    assert "kangaroo" in extract_words(f"{before} kangaroos {after}", ENGLISH)


@given(st.text())
def test_words_are_distinct_and_not_empty(text: str) -> None:
    found = extract_words(text, ENGLISH)
    assert len(set(found)) == len(found)
    assert all(found)


def test_stemming_is_thread_safe() -> None:
    found: list[list[str]] = []
    texts = [f"walking{n} talks" for n in range(8)]
    threads = [
        Thread(target=lambda text: found.append(extract_words(text, ENGLISH)), args=(text,)) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[f"walking{n}", "talk"] for n in range(8)]


def test_tokens_are_signed_bigints_in_word_order() -> None:
    one, other = hash_words(["kitchen", "garden"], KEY)
    assert hash_words(["garden", "kitchen"], KEY) == [other, one]
    assert all(-(2**63) <= token < 2**63 for token in (one, other))
    assert any(token < 0 for token in hash_words(map(str, range(20)), KEY))


def test_different_keys_give_different_tokens() -> None:
    assert not set(hash_words(["kitchen"], KEY)) & set(hash_words(["kitchen"], b"o" * 32))
    assert hash_words(["kitchen"], KEY) == [-436812518021282454]  # stored rows depend on it


@pytest.mark.parametrize("code", ["en", "de", "zh", "several"])
@given(st.text() | st.lists(st.sampled_from(SPLIT_EXAMPLES)).map(" ".join))
def test_stored_words_are_those_that_queries_are_split_into(code: str, text: str) -> None:
    """Storing has a faster loop of its own; a word that only one of the two finds could not be searched for."""
    language = get_language(code)
    split = chain.from_iterable(stems for _, stems in keywords.split_words(text, language))
    assert extract_words(text, language) == list(dict.fromkeys(split))
