"""Input designed to be slow is read in linear time.

Nothing is timed: with quadratic time these tests would take minutes.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import pytest

from memories.index import keywords
from memories.index.languages import get_language
from memories.portability.readers.items import ImportItem, Revision, split_to_limits
from memories.portability.readers.memory_tools.picard_jsonl import MAX_TAGS_READ
from memories.validation import limits
from tests.memories.portability.readers.test_readers import read, texts
from tests.memories.portability.samples.files import file_of, zip_of

ENGLISH = get_language("en")
LONG = 200_000
PROSE = {
    "heading with a gap": "# a" + " " * LONG + "b",
    "heading across lines": "# " + " " * LONG + "a\nb",
    "unclosed bold heading": "**" + "a" * LONG,
    "blank lines": "a" + "\n" * LONG + "x",
    "lines of one space": "a" + "\n " * LONG + "x",
}


def read_claude_memories(prose: str) -> list[str]:
    """Return the memories read from Claude's prose."""
    export = zip_of({"memories.json": json.dumps([{"conversations_memory": prose}])})
    return texts(read(export)[1])


@pytest.mark.parametrize("prose", PROSE.values(), ids=PROSE)
def test_hostile_prose_is_read(prose: str) -> None:
    assert len(read_claude_memories(prose)) in (1, 2)


# The obvious implementation as a reference: correct, but slow for hostile input.
BLOCK = re.compile(r"\n(?=\s*(?:[-*•]\s|#|\*\*)|\n)")
HEADING = re.compile(r"\s*(?:#{1,6}\s+(?P<a>.+?)|\*\*(?P<b>[^*]+)\*\*:?)\s*")


def split_by_reference(prose: str) -> Iterator[str]:
    heading = ""
    for block in BLOCK.split(prose):
        if match := HEADING.fullmatch(block):
            heading = (match["a"] or match["b"]).strip(" :")
        elif text := block.strip().lstrip("-*• ").strip():
            yield f"{heading}: {text}" if heading else text


def test_prose_is_split_like_reference() -> None:
    fragments = ("\n", "\n \n", " ", "a", "b:", "- ", "-", "\n# a", "**", "\t", "\n• ")
    proses = ["a" + "".join(each) for count in range(5) for each in product(fragments, repeat=count)]
    memories = read_claude_memories("\n\n# end\n\n".join(proses))
    assert memories == list(split_by_reference("\n\n# end\n\n".join(proses)))


def test_empty_heading_is_not_a_memory() -> None:
    assert read_claude_memories("# Home\n\nI bake.\n\n##\n\nI hike.\n\n#  \n") == ["Home: I bake.", "I hike."]


def test_overlong_heading_is_a_memory_and_not_a_prefix() -> None:
    long_heading = "a" * 201
    assert read_claude_memories(f"# {long_heading}\n- b\n- c") == [f"# {long_heading}", "b", "c"]


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
