"""The portable-ai-memory export is valid by the published schema and the SDK, and comes back whole."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from memories.models import Memory
from memories.portability.exports import pam
from memories.portability.exports.formats import export_memories
from memories.portability.readers.memory_tools.pam import format_tags
from memories.services import writes
from tests.factories import remember, session
from tests.memories.portability.exports.difficult import DIFFICULT_TAGS, DIFFICULT_TEXTS
from tests.memories.portability.imports.test_run import run_import
from tests.memories.portability.reading import read_file

pytestmark = pytest.mark.django_db


def export(user: User) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(b"".join(export_memories(session(user), "pam").chunks))
    return value


def check(value: dict[str, Any], path: Path) -> None:
    """Check a store as the published schema and the SDK do, without errors and without warnings."""
    import jsonschema  # slow imports
    import portable_ai_memory as sdk
    from portable_ai_memory.core.validator import validate_memory_store
    from portable_ai_memory.schemas import load_schema

    validator = jsonschema.Draft202012Validator(
        load_schema("memory-store"), format_checker=jsonschema.FormatChecker()
    )
    assert [error.message for error in validator.iter_errors(value)] == []
    path.write_text(json.dumps(value, ensure_ascii=False))
    store = sdk.load_memory_store(path)
    result = validate_memory_store(store)
    assert [str(issue) for issue in result.issues] == []
    assert result.is_valid
    assert len(store.memories) == len(value["memories"])


def test_difficult_texts_and_tags_are_valid(ada: User, tmp_path: Path) -> None:
    for text in DIFFICULT_TEXTS:
        remember(ada, text)
    for name in DIFFICULT_TAGS:
        remember(ada, f"Tagged {name}", tags=[name])
    value = export(ada)
    check(value, tmp_path / "store.json")
    assert value["integrity"]["total_memories"] == len(DIFFICULT_TEXTS) + len(DIFFICULT_TAGS)


def test_every_field_is_valid(ada: User, tmp_path: Path) -> None:
    older = remember(ada, "I live in Lier.")
    remember(ada, "I live in Gent.", supersedes=older.pk, tags=["home"], visibility="public")
    memory = remember(ada, "I work nights.", expires_at=datetime(2999, 1, 1, tzinfo=UTC))
    writes.update_memory(session(ada), memory.pk, text="I work days. \u2028\x0b")
    chat = uuid4()
    new = [writes.NewMemory(f"turn {number}", conversation=chat, position=number) for number in range(3)]
    writes.create_memories(session(ada), new)
    Memory.objects.filter(pk=older.pk).update(updated_at=datetime(2001, 1, 1, tzinfo=UTC))
    check(export(ada), tmp_path / "store.json")


def test_imported_memories_are_valid_under_the_ids_that_their_owner_knew(
    ada: User, bob: User, tmp_path: Path
) -> None:
    older = remember(ada, "I live in Lier.")
    remember(ada, "I live in Gent.", supersedes=older.pk)
    run_import(session(bob), io.BytesIO(b"".join(export_memories(session(ada), "jsonl").chunks)))
    remember(bob, "I hike.")
    value = export(bob)
    check(value, tmp_path / "store.json")
    ids = {memory["content"]: memory["id"] for memory in value["memories"]}
    assert ids["I live in Lier."] == str(older.pk) == value["relations"][0]["to"]


def test_store_without_memories_is_valid(ada: User, tmp_path: Path) -> None:
    check(export(ada), tmp_path / "store.json")


def test_store_of_many_pages_is_valid(ada: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memories.portability.exports.pages.PAGE_SIZE", 2)
    for number in range(5):
        remember(ada, f"memory {number}")
    check(export(ada), tmp_path / "store.json")


def test_checksum_is_omitted_where_the_ids_are_not_in_order() -> None:
    checksum = pam._Checksum()
    for memory_id in ("b", "a"):
        checksum.add(memory_id, b"{}")
    assert checksum.value is None


@pytest.mark.parametrize("version", ["0.2.0", "1.10.3rc1", "2.0.0.dev1+local", "dev"])
def test_program_has_a_release_of_three_numbers(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import jsonschema  # slow imports
    from portable_ai_memory.schemas import load_schema

    monkeypatch.setattr(pam, "VERSION", version)
    pattern = load_schema("memory-store")["properties"]["exported_by"]["pattern"]
    jsonschema.validate(pam._get_program(), {"type": "string", "pattern": pattern})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["work", "work_2", "a-b"], ["work", "work_2", "a-b"]),
        (["imported:text", "To do", "Café"], ["imported-text", "to-do", "cafe"]),
        (["Work", "work!"], ["work"]),
        (["日本", "👍", "-", "_x", "Straße"], ["x", "strae"]),
    ],
)
def test_tags_have_the_form_of_the_schema(names: Sequence[str], expected: Sequence[str]) -> None:
    assert format_tags(names) == expected


def test_tag_that_another_product_added_comes_too(ada: User) -> None:
    remember(ada, "I hike.", tags=["To do", "sport"])
    value = export(ada)
    value["memories"][0]["tags"].append("outdoors")
    [item] = read_file(value).items
    assert sorted(item.tags) == ["To do", "outdoors", "sport"]
