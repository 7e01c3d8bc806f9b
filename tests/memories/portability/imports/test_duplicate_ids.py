"""The same id twice in one file, as where two exports lie in one zip: the later text comes, once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User
from memories.models import Memory
from memories.portability.imports import diff as import_diff
from memories.portability.imports import run as import_run
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import bring, lines, present

pytestmark = pytest.mark.django_db
ID = "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e"
OLD = {"id": ID, "text": "old", "updated_at": "2025-01-01T00:00:00Z"}
NEW = {"id": ID, "text": "new", "updated_at": "2025-02-01T00:00:00Z"}


@pytest.mark.parametrize(
    "given", [(OLD, NEW, OLD), (NEW, OLD), (OLD, NEW, NEW)], ids=["last", "first", "twice"]
)
@pytest.mark.parametrize("at_once", [1, 1_000])
def test_of_two_of_one_id_in_a_file_the_later_comes_once(
    ada: User, given: Any, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_diff, "ROW_ITEMS", at_once)
    batch = bring(session(ada), lines({"text": "another"}, *given, {"text": "more"}))
    assert sorted(memory.text for memory in present(ada)) == ["another", "more", "new"]
    assert (batch.state, batch.done, batch.total) == ("done", 3, 3)
    assert (batch.counts["new"], batch.counts["skipped"]) == (3, {"repeated": len(given) - 1})


def test_what_the_latest_in_the_file_has_as_the_person_has_it_stays(ada: User) -> None:
    memory = remember(ada, "now")
    Memory.objects.filter(pk=memory.pk).update(written_at=datetime(2024, 1, 1, tzinfo=UTC))
    given = (OLD, NEW | {"text": "now", "updated_at": "2025-03-01T00:00:00Z"}, NEW)
    batch = bring(session(ada), lines(*({**line, "id": str(memory.pk)} for line in given)))
    assert (batch.counts["changed"], batch.total, batch.state) == (0, 0, "done")
    assert [each.text for each in present(ada)] == ["now"]


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_of_two_changes_of_one_id_the_later_stays_and_undo_takes_back_both(
    ada: User, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_diff, "ROW_ITEMS", at_once)
    memory = remember(ada, "before")
    Memory.objects.filter(pk=memory.pk).update(written_at=datetime(2024, 1, 1, tzinfo=UTC))
    batch = bring(session(ada), lines(*({**line, "id": str(memory.pk)} for line in (NEW, OLD))))
    assert ([each.text for each in present(ada)], batch.counts["changed"]) == (["new"], 1)
    import_run.undo_import(session(ada), batch.pk)
    assert [each.text for each in present(ada)] == ["before"]
