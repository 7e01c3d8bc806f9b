"""A second move from one Picard to another brings what was changed there, and undo takes exactly that back."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.exports.formats import export_memories
from memories.portability.imports import run as import_run
from memories.portability.imports.report import load_reports
from memories.services import writes
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import run_import, saved_memories

pytestmark = pytest.mark.django_db
SOON = timezone.now().replace(microsecond=0) + timedelta(days=9)
Row = tuple[str, list[str], datetime | None, str]


def export(user: User) -> BytesIO:
    return BytesIO(b"".join(export_memories(session(user), "jsonl").chunks))


def describe(user: User) -> Row:
    [memory] = saved_memories(user)
    return memory.text, sorted(tag.name for tag in memory.tags.all()), memory.expires_at, memory.visibility


@pytest.fixture
def original(ada: User, bob: User) -> Memory:
    """A memory of Ada that Bob has imported."""
    memory = remember(ada, "I keep bees.", tags=["garden"])
    hour = timedelta(hours=1)
    times = {name: getattr(memory, name) - hour for name in ("created_at", "updated_at", "written_at")}
    Memory.objects.filter(owner=ada).update(**times)
    run_import(session(bob), export(ada))
    return memory


BEFORE: Row = ("I keep bees.", ["garden"], None, "private")


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"tags": ["animals"]}, ("I keep bees.", ["animals"], None, "private")),
        ({"expires_at": SOON}, ("I keep bees.", ["garden"], SOON, "private")),
        ({"visibility": "public"}, ("I keep bees.", ["garden"], None, "public")),
        ({"text": "I keep ants.", "tags": [], "visibility": "public"}, ("I keep ants.", [], None, "public")),
    ],
)
def test_changes_come_and_undo_takes_them_back(
    ada: User, bob: User, original: Memory, changes: dict[str, Any], after: Row
) -> None:
    writes.update_memory(session(ada), original.pk, **changes)
    batch = run_import(session(bob), export(ada), publish=True)
    assert (describe(bob), batch.counts["changed"], batch.counts["duplicate"]) == (after, 1, 0)
    again = run_import(session(bob), export(ada), publish=True)
    assert (again.counts["changed"], again.counts["duplicate"]) == (0, 1)
    import_run.undo_import(session(bob), batch.pk)
    assert describe(bob) == BEFORE
    repeated = run_import(session(bob), export(ada), publish=True)
    assert (describe(bob), repeated.counts) == (after, batch.counts)


def count_of(batch: ImportBatch) -> dict[str, int]:
    [report] = load_reports(batch.report)
    assert {name: batch.counts[name] for name in ("new", "changed", "duplicate")} == {
        name: report.counts[name] for name in ("new", "changed", "duplicate")
    }
    return {name: count for name, count in report.counts.items() if count}


def test_memory_becomes_public_only_if_the_user_keeps_public_memories_public(
    ada: User, bob: User, original: Memory
) -> None:
    writes.update_memory(session(ada), original.pk, visibility="public")
    batch = run_import(session(bob), export(ada))
    assert (describe(bob), batch.counts["public"], batch.total, batch.done) == (BEFORE, 1, 0, 0)
    assert count_of(batch) == {"duplicate": 1, "unpublished": 1}
    batch = run_import(session(bob), export(ada), publish=True)
    assert (describe(bob)[3], batch.total, batch.done, count_of(batch)) == ("public", 1, 1, {"changed": 1})


def test_memory_becomes_private_with_its_export(ada: User, bob: User, original: Memory) -> None:
    for visibility in ("public", "private"):
        writes.update_memory(session(ada), original.pk, visibility=visibility)
        batch = run_import(session(bob), export(ada), publish=True)
    assert describe(bob) == BEFORE
    import_run.undo_import(session(bob), batch.pk)
    assert describe(bob)[3] == "public"


def test_change_here_that_is_later_stays(ada: User, bob: User, original: Memory) -> None:
    writes.update_memory(session(ada), original.pk, tags=["animals"])
    writes.update_memory(session(bob), saved_memories(bob)[0].pk, tags=["mine"])
    assert run_import(session(bob), export(ada)).counts["duplicate"] == 1
    assert describe(bob)[1] == ["mine"]


def test_change_there_between_export_and_import_comes_with_the_next(
    ada: User, bob: User, original: Memory
) -> None:
    writes.update_memory(session(ada), original.pk, tags=["animals"])
    first = export(ada)
    writes.update_memory(session(ada), original.pk, tags=["insects"])
    for file in (first, export(ada)):
        run_import(session(bob), file)
    assert describe(bob)[1] == ["insects"]


def test_undo_never_overwrites_later_edits(ada: User, bob: User, original: Memory) -> None:
    writes.update_memory(session(ada), original.pk, tags=["animals"], visibility="public")
    batch = run_import(session(bob), export(ada), publish=True)
    writes.update_memory(session(bob), saved_memories(bob)[0].pk, tags=["mine"])
    import_run.undo_import(session(bob), batch.pk)
    assert describe(bob) == ("I keep bees.", ["mine"], None, "public")


def test_line_without_a_field_keeps_it(ada: User) -> None:
    memory = remember(ada, "I keep bees.", tags=["garden"], visibility="public")
    Memory.objects.update(updated_at=datetime(2025, 1, 1, tzinfo=UTC))
    line = {
        "picard": 1,
        "id": str(memory.pk),
        "text": "I keep bees.",
        "updated_at": timezone.now().isoformat(),
    }
    assert run_import(session(ada), BytesIO(json.dumps(line).encode())).counts["duplicate"] == 1
    run_import(session(ada), BytesIO(json.dumps({**line, "tags": ["animals"]}).encode()))
    assert describe(ada) == ("I keep bees.", ["animals"], None, "public")
