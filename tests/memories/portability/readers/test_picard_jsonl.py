"""Picard's JSON Lines are read with all their fields, whatever other lines there are."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from memories.portability.readers.items import ImportItem, ImportLink
from tests.memories.portability.reading import read_file, to_lines

OWN_ID = "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e"
OLDER_ID = "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0f"


def read_line(**fields: Any) -> ImportItem:
    [item] = read_file(to_lines([{"picard": 1, "text": "now", **fields}]), "memories.jsonl").items
    return item


def test_all_fields_are_read() -> None:
    item = read_line(
        id=OWN_ID, version=2, tags=["a"], visibility="public", expires_at="2999-01-01T00:00:00Z",
        history=[{"version": 1, "text": "then", "written_at": "2025-01-01T00:00:00Z"}],
    )  # fmt: skip
    assert (item.version, item.history[0].text, item.id, item.file_id) == (2, "then", UUID(OWN_ID), OWN_ID)
    assert (item.visibility, item.expires_at) == ("public", datetime(2999, 1, 1, tzinfo=UTC))
    assert item.keeps == ()


def test_what_a_line_omits_is_kept() -> None:
    assert read_line().keeps == ("tags", "expires_at", "visibility")


def test_link_to_the_older_memory_is_read() -> None:
    line = {"picard": 1, "text": "now", "id": OWN_ID, "supersedes": OLDER_ID}
    [file] = read_file(to_lines([line])).files.values()
    assert file.links == [ImportLink(OWN_ID, OLDER_ID)]


def test_format_is_recognised_by_a_first_line_of_any_length() -> None:
    revision = {"version": 1, "text": "then" * 50_000, "written_at": "2025-01-01T00:00:00Z"}
    line = json.dumps({"picard": 1, "text": "now", "version": 2, "history": [revision]})
    for name in ("", "memories.jsonl"):
        outcome = read_file(line, name)
        assert (outcome.kind, outcome.texts) == ("picard", ["now"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("tags", "a"), ("tags", [1]), ("id", "1"), ("version", 0), ("version", True), ("history", 5), ("supersedes", "x"),
     ("history", [{"version": 1, "text": "x"}]), ("conversation", "c1"), ("position", 1), ("text", 5)],
)  # fmt: skip
def test_malformed_line_is_counted_and_does_not_fail_the_others(field: str, value: object) -> None:
    lines = [{"picard": 1, "text": "a", "id": OWN_ID, field: value}, {"picard": 1, "text": "b"}]
    outcome = read_file(to_lines(lines))
    assert (outcome.texts, outcome.skipped) == (["b"], {"not_a_memory": 1})


def test_deeply_nested_line_is_counted() -> None:
    outcome = read_file('{"picard": 1, "text": "a"}\n{"picard": 1, "text": ' + "[" * 100_000 + "\n")
    assert (outcome.texts, outcome.skipped) == (["a"], {"not_json": 1})
