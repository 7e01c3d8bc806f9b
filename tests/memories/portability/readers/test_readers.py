"""Each format is detected by content and read completely."""

import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files.archives import NamedFile
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.items import ImportItem
from tests.memories.portability.reading import read_sources
from tests.memories.portability.samples import files as samples
from tests.memories.portability.samples.files import file_of, zip_of


def read(source: Any, chats: ChatFilter = ChatFilter.MINE) -> tuple[str, list[ImportItem], list[str]]:
    given = source if isinstance(source, Path) else NamedFile(source)
    outcome = read_sources(given, chats=chats)
    kinds = {file.kind for file in outcome.files.values() if file.items} or set(outcome.kinds.values())
    return "+".join(sorted(kinds)), outcome.items, sorted(Counter(outcome.skipped).elements())


def texts(items: list[ImportItem]) -> list[str]:
    return [item.text for item in items]


def test_dated_lines_are_memories() -> None:
    name, items, skipped = read(file_of(samples.TRANSFER))
    assert (name, skipped) == ("text", [])
    assert texts(items) == [
        "I like my tea without sugar.",
        "I write British English.",
        "I am allergic to peanuts,\nand to cashews.",
    ]
    assert [item.created_at for item in items][:2] == [datetime(2025, 3, 1, tzinfo=UTC), None]


def test_indented_lines_belong_to_dated_line_but_headings_and_items_do_not() -> None:
    text = """\
- [2025-03-01] - To buy:
  - bread

  # Later
    tea
**Home**
  - a cat
[2025-04-02] - I hike
far.
- Tea
"""
    assert texts(read(file_of(text))[1]) == [
        "To buy:\n- bread\n\n# Later\n  tea",
        "a cat",
        "I hike\nfar.",
        "Tea",
    ]


def test_undated_paragraphs_and_items_are_memories() -> None:
    assert texts(read(file_of("# About me\n\nI hike\nevery week.\n\n1. Tea\n2. Bread\n"))[1]) == [
        "I hike\nevery week.", "Tea", "Bread"
    ]  # fmt: skip


@pytest.mark.parametrize("numbered", [False, True])
def test_chatgpt_displayed_branch_is_read_in_order(numbered: bool) -> None:
    name, items, skipped = read(samples.chatgpt_zip(numbered=numbered))
    assert name == "chatgpt"
    assert texts(items) == ["I like green tea.", "And I hike.", "My cat is Tom.", "I live in Leeds."]
    assert [item.conversation for item in items] == ["c1", "c1", "c2", None]
    assert items[0].created_at == datetime.fromtimestamp(1_740_000_001.25, UTC)
    assert "of_the_assistant" in skipped


@pytest.mark.parametrize(
    "content", [samples.TRANSFER, samples.CLAUDE_MEMORIES, samples.MEM0, samples.PAM, samples.CSV]
)
def test_typed_facts_are_no_conversation(content: Any) -> None:
    """Neighbors lend each other their words, which harms facts that only stand one below the other."""
    _, items, _ = read(file_of(content))
    assert {item.conversation for item in items} == {None}


def test_notes_are_no_conversation() -> None:
    assert {item.conversation for item in read(zip_of(samples.NOTES))[1]} == {None}


def test_chat_filter_selects_messages() -> None:
    assert "Assistant: Noted." in texts(read(samples.chatgpt_zip(), ChatFilter.ALL)[1])
    assert texts(read(samples.chatgpt_zip(), ChatFilter.NONE)[1]) == ["I live in Leeds."]


def test_claude_memories_and_conversations_are_read() -> None:
    name, items, skipped = read(samples.claude_zip())
    assert name == "claude"
    assert texts(items) == [
        "Work context: I write compilers.", "Home: I have two cats.", "Home: I bake bread.",
        "The compiler is called Ferris.", "My oven runs hot.",
    ]  # fmt: skip
    assert skipped == ["of_the_assistant", "no_text"]


def test_claude_memories_alone_are_read() -> None:
    for export in (samples.CLAUDE_MEMORIES, samples.CLAUDE_MEMORIES[0]):
        name, items, _ = read(file_of(export))
        assert (name, texts(items)[:2]) == (
            "claude",
            ["Work context: I write compilers.", "Home: I have two cats."],
        )


def test_notes_are_tagged_by_front_matter_and_inline_tags() -> None:
    name, items, skipped = read(zip_of(samples.NOTES))
    assert (name, sorted(skipped)) == ("markdown", ["blank", "not_text"])
    assert items[0].text.startswith("Bread\n\nHydration is 70 %.")
    assert items[0].tags == ("food", "baking", "sourdough")
    assert items[0].created_at == datetime(2025, 2, 3, tzinfo=UTC)
    assert (items[1].tags, items[1].created_at) == ((), datetime(2025, 1, 2, tzinfo=UTC))


def test_folder_is_read_like_zip(tmp_path: Any) -> None:
    for name, content in samples.NOTES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert texts(read(tmp_path)[1]) == texts(read(zip_of(samples.NOTES))[1])


def test_csv_is_read_by_header() -> None:
    name, items, _ = read(file_of(samples.CSV))
    assert name == "table"
    assert items == [
        ImportItem(
            'Likes "tea"\nand more', ("food", "home"), datetime(2025, 8, 1, tzinfo=UTC), visibility="public"
        )
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", [samples.TRANSFER, samples.CSV, json.dumps(samples.MEM0)])
def test_encodings_with_bom_are_read(encoding: str, content: str) -> None:
    assert read(io.BytesIO(content.encode(encoding))) == read(file_of(content))


BROKEN_TREES: dict[str, Any] = {
    "cycle": {
        "a": {"message": None, "parent": "b", "children": []},
        "b": {"parent": "a", "children": ["a"]},
    },
    "missing parent": {"a": {"message": {"author": None, "content": None}, "parent": "gone", "children": []}},
    "list": [],
    "empty": {},
}


@pytest.mark.parametrize("tree", BROKEN_TREES.values(), ids=BROKEN_TREES)
def test_malformed_conversation_does_not_affect_others(tree: Any) -> None:
    broken = {"mapping": tree, "current_node": "a"}
    good = samples.chatgpt_conversation([("user", "My cat is Tom.")])
    assert texts(read(file_of([broken, good]))[1]) == ["My cat is Tom."]


REFUSED = {
    "empty": (b"", "empty"),
    "image": (b"\x89PNG\r\n\x1a\n\0\0\0", "unknown_format"),
    "Latin-1": ("[2025-01-01] - café".encode("latin-1"), "not_utf8"),
    "unclosed cell": (b'text,tags\r\n"no end' + b"x" * 200_000, "broken_table"),
    "long paragraph": (b"[2025-01-01] - a\n" + (b"b" * 999 + b"\n") * 2_001, "entry_too_large"),
}


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED)
def test_unreadable_file_is_refused_with_code(content: bytes, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        read(io.BytesIO(content))
    [error] = refusal.value.error_dict["file"]
    assert error.code == code


def test_zip_bomb_is_refused_before_reading() -> None:
    with pytest.raises(ValidationError) as refusal:
        read_sources(NamedFile(zip_of({"a.json": "0" * 20_000_000})))
    assert refusal.value.error_dict["file"][0].code == "zip_bomb"


def test_corrupt_or_truncated_zip_is_refused() -> None:
    good = samples.chatgpt_zip().getvalue()
    for broken in (good[:-30], good[:40] + b"\xff" * 60 + good[100:]):
        with pytest.raises(ValidationError):
            read(io.BytesIO(broken))
