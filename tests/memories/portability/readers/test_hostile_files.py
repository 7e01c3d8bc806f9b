"""What is written to take long is read in a time that grows with its length.

No clock is looked at: where a reading took the square of a length, these tests would take minutes.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import pytest

from memories.index import keywords
from memories.portability.readers.items import ImportItem, Revision, split_to_limits
from memories.portability.readers.picard_jsonl import TAGS_READ
from memories.validation import limits
from tests.memories.portability.readers.test_readers import read, texts
from tests.memories.portability.samples import file_of, zip_of

LONG = 200_000
PROSE = {
    "a heading with a gap": "# a" + " " * LONG + "b",
    "a heading that is none": "# " + " " * LONG + "a\nb",
    "a bold heading without end": "**" + "a" * LONG,
    "blank lines": "a" + "\n" * LONG + "x",
    "blanks and lines": "a" + "\n " * LONG + "x",
}


def thoughts(prose: str) -> list[str]:
    """What is read of Claude's memory of a person."""
    given = zip_of({"memories.json": json.dumps([{"conversations_memory": prose}])})
    return texts(read(given)[1])


@pytest.mark.parametrize("prose", PROSE.values(), ids=PROSE)
def test_prose_is_read_however_it_is_written(prose: str) -> None:
    assert len(thoughts(prose)) in (1, 2)


# As it was written first: plainly right, and slow where a text is made for it.
BLOCK = re.compile(r"\n(?=\s*(?:[-*•]\s|#|\*\*)|\n)")
HEADING = re.compile(r"\s*(?:#{1,6}\s+(?P<a>.+?)|\*\*(?P<b>[^*]+)\*\*:?)\s*")


def plainly(prose: str) -> Iterator[str]:
    heading = ""
    for block in BLOCK.split(prose):
        if found := HEADING.fullmatch(block):
            heading = (found["a"] or found["b"]).strip(" :")
        elif text := block.strip().lstrip("-*• ").strip():
            yield f"{heading}: {text}" if heading else text


def test_thoughts_begin_where_they_plainly_do() -> None:
    pieces = ("\n", "\n \n", " ", "a", "b:", "- ", "-", "\n# a", "**", "\t", "\n• ")
    proses = ["a" + "".join(each) for count in range(5) for each in product(pieces, repeat=count)]
    read_at_once = thoughts("\n\n# end\n\n".join(proses))
    assert read_at_once == list(plainly("\n\n# end\n\n".join(proses)))


def test_a_heading_of_nothing_is_no_memory() -> None:
    assert thoughts("# Home\n\nI bake.\n\n##\n\nI hike.\n\n#  \n") == ["Home: I bake.", "I hike."]


def test_what_is_too_long_for_a_heading_is_not_put_before_each_thought() -> None:
    long = "a" * 201
    assert thoughts(f"# {long}\n- b\n- c") == [f"# {long}", "b", "c"]


def test_a_long_text_is_cut_by_its_length() -> None:
    parts = list(split_to_limits(ImportItem("x" * 20_000_000 + " " * 5_000_000 + "y")))
    assert len(parts) == 20_000_000 // limits.TEXT_CHARACTERS + 1


def test_each_part_of_a_long_text_has_not_the_history_of_the_whole() -> None:
    past = Revision(1, "before", datetime(2025, 1, 1, tzinfo=UTC))
    parts = list(split_to_limits(ImportItem("x" * 20_000, version=2, history=(past,))))
    assert [(part.version, part.history) for part in parts] == [(1, ())] * 3


def test_of_endless_tags_some_are_looked_at() -> None:
    line = {"picard": 1, "text": "a", "tags": ["t" * 60] * 2_000}
    assert len(read(file_of(json.dumps(line)))[1][0].tags) == TAGS_READ


@pytest.mark.parametrize("word", ["tea" + "'s" * LONG + "x", "tea" + "'s" * LONG])
def test_a_word_of_endings_has_its_stem(word: str) -> None:
    assert len(keywords.extract_words(word)) == 1


@pytest.mark.parametrize("word", ["a" * 8_000, "\u4e00\u4e8c" * 4_000])
def test_a_long_word_is_not_kept_beside_its_memory(word: str) -> None:
    before = keywords._get_cached_stems.cache_info().currsize
    assert keywords.extract_words(word)
    assert keywords._get_cached_stems.cache_info().currsize == before
