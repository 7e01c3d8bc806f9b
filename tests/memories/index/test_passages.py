"""Splitting of long texts into passages that fit the index row and the model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from memories.index.keywords import extract_words
from memories.index.languages import get_language
from memories.index.passages import MAX_WORDS, get_max_keywords, split_passages
from memories.providers.embeddings_local import (
    VOCABULARY,
    VOCABULARY_SHA256,
    _load_tokenizer,
)
from memories.providers.local_models import verify_checksum

ENGLISH = get_language("en")
# Letters, digits, marks, joiners, scripts without spaces, punctuation and spaces, close together.
ALPHABET = "abcdz'’019 .,!?\n\t-+#é\u0301\u200d\u00ad東京猫かなカｶﾞ한국ไทย。！\U0001f600ﬁ½"
texts = st.lists(
    st.text(ALPHABET, max_size=30) | st.from_regex(r"[a-z]{1,9} ", fullmatch=True), max_size=500
).map("".join)


@given(texts)
def test_every_word_is_in_some_passage(text: str) -> None:
    found = {word for passage in split_passages(text, ENGLISH) for word in extract_words(passage, ENGLISH)}
    assert found >= set(extract_words(text, ENGLISH))


@given(texts)
def test_every_passage_is_bounded_and_none_is_empty(text: str) -> None:
    for passage in split_passages(text, ENGLISH):
        assert passage
        assert len(extract_words(passage, ENGLISH)) <= get_max_keywords()
        assert (
            len(passage.split()) <= MAX_WORDS + 40
        )  # also counts single symbols, which are limited as word pieces


@given(st.text(min_size=1))
def test_any_nonempty_text_has_a_passage(text: str) -> None:
    assert all(split_passages(text, ENGLISH))
    assert split_passages(text, ENGLISH)


def test_empty_text_has_no_passage() -> None:
    assert split_passages("", ENGLISH) == []


def test_ordinary_text_is_one_passage() -> None:
    text = "Ada moved to Turin in 2019.\n\nShe bakes on Sundays, mostly rye bread, with her neighbour's oven."
    assert split_passages(f"  {text}\n", ENGLISH) == [text]


@pytest.mark.parametrize(("border", "end"), [("\n\n", "rye"), ("\n", "rye"), (". ", "rye.")])
def test_long_text_is_split_at_best_border(border: str, end: str) -> None:
    text = "bread " * 140 + "rye" + border + "wheat " * 140
    first, second = split_passages(text, ENGLISH)
    assert first.endswith(end)
    assert second.startswith("wheat")


def test_last_sentence_of_long_text_is_in_last_passage() -> None:
    text = " ".join(f"Note {at} is about thing{at}." for at in range(300)) + " The key lies under the stone."
    assert split_passages(text, ENGLISH)[-1].endswith("The key lies under the stone.")


def test_chinese_is_split_by_characters_and_repeats_the_last() -> None:
    first, second = split_passages("东京" * 200, ENGLISH)[:2]
    assert 100 < len(first) <= 240
    assert second[0] == first[-1]


@pytest.mark.parametrize(
    "text",
    [
        "Zbigniew Brzeziński wrote to Aleksandra Szczepańska about Świętokrzyskie. " * 40,
        "Привет, как твои дела? Я купил новый велосипед вчера. " * 40,
        "東京で猫を飼っています。名前はまだない。" * 40,
        "On 2023-05-07 at 10:45 flight LH2034 cost $1,299.00 (seat 14C). " * 40,
        "def add(a, b): return a + b  # see https://example.com/x?y=1 " * 40,
        "\U0001f600\U0001f3c4 " * 300,
    ],
)
def test_passages_fit_local_model(text: str) -> None:
    tokenizer = _load_tokenizer(verify_checksum(VOCABULARY, VOCABULARY_SHA256))
    tokenizer.no_truncation()
    assert max(len(tokenizer.encode(passage).ids) for passage in split_passages(text, ENGLISH)) <= 256


@pytest.mark.parametrize(("dimensions", "most"), [(384, 150), (1_000, 63)])
def test_wider_vectors_allow_fewer_words(settings: Settings, dimensions: int, most: int) -> None:
    settings.EMBEDDING_DIMENSIONS = dimensions
    assert get_max_keywords() == most
    assert all(
        len(extract_words(part, ENGLISH)) <= most
        for part in split_passages(" ".join(f"w{at}" for at in range(400)), ENGLISH)
    )
