"""What the user deleted does not come back with the next import; what an undo took back does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.models import User
from memories import scopes
from memories.models import ImportBatch, Memory
from memories.portability.imports import run as import_run
from memories.services import writes
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import jsonl_file, run_import, saved_memories
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import connect_actor

pytestmark = pytest.mark.django_db
BEES, ANTS = "I keep bees.", "I keep ants."


def trash(user: User, *memories: Memory) -> None:
    for memory in memories:
        writes.trash_memory(session(user), memory.pk)


def preview(user: User, *texts: str) -> tuple[int, dict[str, int]]:
    counts = stage(session(user), file_of([*texts])).counts
    return counts["new"], counts["skipped"]


def test_deleted_text_does_not_come_back(ada: User) -> None:
    run_import(session(ada), file_of([BEES, ANTS]))
    trash(ada, saved_memories(ada)[0])
    batch = run_import(session(ada), file_of([BEES, ANTS]))
    assert (batch.counts["new"], batch.counts["duplicate"]) == (0, 1)
    assert batch.counts["skipped"] == {"in_your_trash": 1}
    assert [memory.text for memory in saved_memories(ada)] == [ANTS]


def test_earlier_text_of_a_deleted_memory_does_not_come_back(ada: User) -> None:
    memory = remember(ada, BEES)
    trash(ada, writes.update_memory(session(ada), memory.pk, text=ANTS))
    assert preview(ada, BEES) == (0, {"in_your_trash": 1})


def test_deleted_id_does_not_come_back_with_another_text(ada: User) -> None:
    own, moved = remember(ada, BEES), "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e"
    run_import(session(ada), jsonl_file({"id": moved, "text": ANTS}))
    trash(ada, *saved_memories(ada))
    lines = [
        {"id": str(pk), "text": f"newer {pk}", "updated_at": "2026-01-01T00:00:00Z"} for pk in (own.pk, moved)
    ]
    assert stage(session(ada), jsonl_file(*lines)).counts["skipped"] == {"in_your_trash": 2}


def test_deleted_text_comes_back_once_it_is_purged(ada: User) -> None:
    trash(ada, remember(ada, BEES))
    writes.empty_trash(session(ada))
    assert preview(ada, BEES) == (1, {})


def test_expired_memory_counts_as_in_the_trash(ada: User) -> None:
    remember(ada, BEES)
    Memory.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert preview(ada, BEES) == (0, {"in_your_trash": 1})


def test_text_that_another_memory_has_is_a_duplicate(ada: User) -> None:
    trash(ada, remember(ada, BEES))
    remember(ada, BEES)
    assert preview(ada, BEES) == (0, {})


def test_app_does_not_see_the_trash(ada: User) -> None:
    trash(ada, remember(ada, BEES))
    manager = connect_actor(ada, scopes.READ, scopes.WRITE, scopes.ADMIN)
    counts = stage(manager, file_of([BEES])).counts
    assert (counts["new"], counts["skipped"]) == (1, {})


LINE: dict[str, Any] = {"id": "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e", "text": BEES}


@pytest.mark.parametrize("build", [lambda: file_of([BEES]), lambda: jsonl_file(LINE)], ids=["text", "id"])
def test_undone_import_can_be_repeated(ada: User, build: Any) -> None:
    batch = run_import(session(ada), build())
    for _ in range(2):
        import_run.undo_import(session(ada), batch.pk)
        batch = run_import(session(ada), build())
        assert (batch.counts["new"], batch.counts["skipped"]) == (1, {})
        assert [memory.text for memory in saved_memories(ada)] == [BEES]


def test_undone_import_can_be_repeated_until_its_memories_are_purged(ada: User) -> None:
    import_run.undo_import(session(ada), run_import(session(ada), file_of([BEES])).pk)
    ImportBatch.objects.update(created_at=Now() - timedelta(days=100))
    assert import_run.purge_imports() == 0
    assert preview(ada, BEES) == (1, {})
    ImportBatch.objects.filter(state="undone").update(finished_at=Now() - timedelta(days=100))
    assert import_run.purge_imports() > 0


def test_memory_deleted_before_or_after_the_undo_stays_deleted(ada: User) -> None:
    batch = run_import(session(ada), file_of([BEES, ANTS, "I run."]))
    bees, ants, _run = saved_memories(ada)
    trash(ada, bees)
    import_run.undo_import(session(ada), batch.pk)
    writes.restore_memory(session(ada), ants.pk)
    trash(ada, ants)
    assert preview(ada, BEES, ANTS, "I run.") == (1, {"in_your_trash": 2})


def test_restored_memory_of_an_undone_import_is_a_duplicate(ada: User) -> None:
    import_run.undo_import(session(ada), run_import(session(ada), jsonl_file(LINE)).pk)
    writes.restore_memory(session(ada), Memory.objects.get().pk)
    assert stage(session(ada), jsonl_file(LINE)).counts["duplicate"] == 1
