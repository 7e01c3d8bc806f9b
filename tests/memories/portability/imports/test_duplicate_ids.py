"""Duplicate IDs in one file, as with two exports in one zip: only the newest text is imported."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User
from memories.models import Memory
from memories.portability.imports import run as import_run
from memories.portability.imports import staged_items
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import jsonl_file, run_import, saved_memories

pytestmark = pytest.mark.django_db
ID = "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e"
OLD = {"id": ID, "text": "old", "updated_at": "2025-01-01T00:00:00Z"}
NEW = {"id": ID, "text": "new", "updated_at": "2025-02-01T00:00:00Z"}


@pytest.mark.parametrize(
    "versions", [(OLD, NEW, OLD), (NEW, OLD), (OLD, NEW, NEW)], ids=["last", "first", "twice"]
)
@pytest.mark.parametrize("row_items", [1, 1_000])
def test_newest_of_duplicate_ids_is_imported_once(
    ada: User, versions: Any, row_items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_items, "ROW_ITEMS", row_items)
    batch = run_import(session(ada), jsonl_file({"text": "another"}, *versions, {"text": "more"}))
    assert sorted(memory.text for memory in saved_memories(ada)) == ["another", "more", "new"]
    assert (batch.state, batch.done, batch.total) == ("done", 3, 3)
    assert (batch.counts["new"], batch.counts["skipped"]) == (3, {"repeated": len(versions) - 1})


def test_newest_duplicate_equal_to_existing_changes_nothing(ada: User) -> None:
    memory = remember(ada, "now")
    Memory.objects.filter(pk=memory.pk).update(written_at=datetime(2024, 1, 1, tzinfo=UTC))
    versions = (OLD, NEW | {"text": "now", "updated_at": "2025-03-01T00:00:00Z"}, NEW)
    batch = run_import(session(ada), jsonl_file(*({**line, "id": str(memory.pk)} for line in versions)))
    assert (batch.counts["changed"], batch.total, batch.state) == (0, 0, "done")
    assert [each.text for each in saved_memories(ada)] == ["now"]


@pytest.mark.parametrize("row_items", [1, 1_000])
def test_newest_of_duplicate_changes_wins_and_undo_reverts(
    ada: User, row_items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_items, "ROW_ITEMS", row_items)
    memory = remember(ada, "before")
    Memory.objects.filter(pk=memory.pk).update(written_at=datetime(2024, 1, 1, tzinfo=UTC))
    batch = run_import(session(ada), jsonl_file(*({**line, "id": str(memory.pk)} for line in (NEW, OLD))))
    assert ([each.text for each in saved_memories(ada)], batch.counts["changed"]) == (["new"], 1)
    import_run.undo_import(session(ada), batch.pk)
    assert [each.text for each in saved_memories(ada)] == ["before"]
