"""Prose is split into memories: nothing is lost, no star stays without a partner, and hostile texts take no time."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from memories.portability.readers.chats.prose import clean_emphasis, split_prose
from memories.portability.readers.items import SkippedEntry

LONG = 200_000
HOSTILE = {
    "heading with a gap": "# a" + " " * LONG + "b",
    "heading across lines": "# " + " " * LONG + "a\nb",
    "unclosed bold heading": "**" + "a" * LONG,
    "blank lines": "a" + "\n" * LONG + "x",
    "lines of one space": "a" + "\n " * LONG + "x",
    "stars": "a " + "* " * LONG + "b",
    "rules that are none": "- " * LONG + "b",
    "backticks": "a " + "`" * LONG + "*",
    "nested bullets": "- a\n" + "  - b\n" * LONG,
    "tabs": "a" + "\t" * LONG + "b",
}
MARKS = ("\n", "\n\n", "\n \n", " ", "a", "b:", "b.", "- ", "\n- ", "\n  - ", "\n# ", "\n## c\n", "\n**d**\n",
         "\n*e*\n", "**", "*", "_", "`", "```", "\n1. ", "\n---\n", "\t", "\n• ")  # fmt: skip
WORDS = re.compile(r"[a-e]")


def split(prose: str) -> list[str]:
    return [each for each in split_prose(prose) if isinstance(each, str)]


@pytest.mark.parametrize("prose", HOSTILE.values(), ids=HOSTILE)
def test_hostile_prose_is_split(prose: str) -> None:
    assert len(split(prose)) in (1, 2)


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=30))
def test_no_word_is_lost(marks: list[str]) -> None:
    prose = "".join(marks)
    headings = "".join(line for line in prose.split("\n") if line.lstrip().startswith("#"))
    found = "".join(split(prose)) + headings
    for letter in set(WORDS.findall(prose)):
        assert letter in found


@pytest.mark.parametrize(
    ("prose", "memories"),
    [
        ("# Home\n\nI bake.\n\n##\n\nI hike.\n\n#  \n", ["Home: I bake.", "I hike."]),
        (f"# {'a' * 201}\n- b\n- c", [f"# {'a' * 201}", "b", "c"]),
        ("**Work:**\nI write compilers.\n**Home**:\nA cat.", ["Work: I write compilers.", "Home: A cat."]),
        ("__Diet__\n\n1. Vegan\n2) No nuts", ["Diet: Vegan", "Diet: No nuts"]),
        ("- a\n\n  still a\n- b\n\nc\nd", ["a\n\nstill a", "b", "c\nd"]),
        ("- a:\n  - b\n    - c\n- d", ["a:\n- b\n  - c", "d"]),
        ("Pets:\n\n- Tom\n\nAnd a dog.", ["Pets: Tom", "And a dog."]),
        ("Note:\n\nI hike.", ["Note:", "I hike."]),
        ("```\n# no heading\n\n- no item\n```", ["```\n# no heading\n\n- no item\n```"]),
        ("One\r\n\r\nTwo\rThree", ["One", "Two\nThree"]),
        ("I * you", ["I * you"]),
        ("**Lives in Lier", ["Lives in Lier"]),
        ("The 5* hotel", ["The 5* hotel"]),
        ("***Both*** and **one *in* two**", ["Both and one in two"]),
        ("* star bullet\n* another", ["star bullet", "another"]),
        ("snake_case and __init__", ["snake_case and __init__"]),
    ],
)
def test_prose_is_split_into_memories(prose: str, memories: list[str]) -> None:
    assert split(prose) == memories


def test_heading_without_anything_below_is_counted() -> None:
    assert list(split_prose("# Home\n# Work\nI code.")) == [SkippedEntry("blank"), "Work: I code."]


@given(st.text(alphabet="a *\n", max_size=40))
def test_double_stars_never_stay(text: str) -> None:
    assert "**" not in clean_emphasis(text)
