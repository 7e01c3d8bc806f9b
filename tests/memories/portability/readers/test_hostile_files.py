"""Input designed to be slow is read in linear time.

Nothing is timed: with quadratic time these tests would take minutes.
"""

import json
from datetime import UTC, datetime

import pytest

from memories.index import keywords
from memories.index.languages import get_language
from memories.portability.readers.items import ImportItem, Revision, split_to_limits
from memories.portability.readers.memory_tools.picard_jsonl import MAX_TAGS_READ
from memories.validation import limits
from tests.memories.portability.readers.test_readers import read
from tests.memories.portability.samples.files import file_of

ENGLISH = get_language("en")
LONG = 200_000


def test_long_text_is_split_at_length_limit() -> None:
    parts = list(split_to_limits(ImportItem("x" * 20_000_000 + " " * 5_000_000 + "y")))
    assert len(parts) == 20_000_000 // limits.TEXT_CHARACTERS + 1


def test_parts_of_long_text_have_no_history() -> None:
    revision = Revision(1, "before", datetime(2025, 1, 1, tzinfo=UTC))
    parts = list(split_to_limits(ImportItem("x" * 20_000, version=2, history=(revision,))))
    assert [(part.version, part.history) for part in parts] == [(1, ())] * 3


def test_only_first_tags_are_read() -> None:
    line = {"picard": 1, "text": "a", "tags": ["t" * 60] * 2_000}
    assert len(read(file_of(json.dumps(line)))[1][0].tags) == MAX_TAGS_READ


@pytest.mark.parametrize("word", ["tea" + "'s" * LONG + "x", "tea" + "'s" * LONG])
def test_word_of_repeated_suffixes_is_stemmed(word: str) -> None:
    assert len(keywords.extract_words(word, ENGLISH)) == 1


@pytest.mark.parametrize("word", ["a" * 8_000, "\u4e00\u4e8c" * 4_000])
def test_long_word_is_not_cached(word: str) -> None:
    before = keywords._get_cached_stems.cache_info().currsize
    assert keywords.extract_words(word, ENGLISH)
    assert keywords._get_cached_stems.cache_info().currsize == before
