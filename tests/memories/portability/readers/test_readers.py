"""Each format is detected by content and read completely."""

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files.archives import NamedFile
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.items import ImportItem
from tests.memories.portability.reading import read_sources
from tests.memories.portability.samples import files as samples
from tests.memories.portability.samples.files import file_of


def read(source: Any, chats: ChatFilter = ChatFilter.MINE) -> tuple[str, list[ImportItem], list[str]]:
    given = source if isinstance(source, Path) else NamedFile(source)
    outcome = read_sources(given, chats=chats)
    kinds = {file.kind for file in outcome.files.values() if file.items} or set(outcome.kinds.values())
    return "+".join(sorted(kinds)), outcome.items, sorted(Counter(outcome.skipped).elements())


def texts(items: list[ImportItem]) -> list[str]:
    return [item.text for item in items]


@pytest.mark.parametrize(
    "content", [samples.TRANSFER, samples.CLAUDE_MEMORIES, samples.MEM0, samples.PAM, samples.CSV]
)
def test_typed_facts_are_no_conversation(content: Any) -> None:
    """Neighbors lend each other their words, which harms facts that only stand one below the other."""
    _, items, _ = read(file_of(content))
    assert {item.conversation for item in items} == {None}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", [samples.TRANSFER, samples.CSV, json.dumps(samples.MEM0)])
def test_encodings_with_bom_are_read(encoding: str, content: str) -> None:
    assert read(io.BytesIO(content.encode(encoding))) == read(file_of(content))


REFUSED = {
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED)
def test_unreadable_file_is_refused_with_code(content: bytes, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        read(io.BytesIO(content))
    [error] = refusal.value.error_dict["file"]
    assert error.code == code
