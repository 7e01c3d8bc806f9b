"""Imports update existing memories only with newer texts, and undo restores the previous values."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from memories.models import ImportBatch, Memory, StagedMemories, Tag
from memories.portability.imports import apply_change
from memories.portability.imports import run as import_run
from memories.services import tag_admin, writes
from tests.factories import app, remember, session
from tests.memories.portability.imports.test_run import jsonl_file, run_import
from tests.memories.portability.staging import stage

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)


@pytest.fixture
def memory(ada: User) -> Memory:
    """A memory from yesterday with tags and no expiry."""
    memory = remember(ada, "before", tags=["food", "home"])
    Memory.objects.filter(pk=memory.pk).update(written_at=Now() - timedelta(days=1))
    return memory


def changed_line(memory: Memory, **fields: Any) -> dict[str, Any]:
    return {"id": str(memory.pk), "text": "after", "updated_at": _iso(timezone.now()), **fields}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def start_import(user: User, *memories: dict[str, Any]) -> ImportBatch:
    batch = stage(session(user), jsonl_file(*memories))
    import_run.start_import(session(user), batch.pk)
    return batch


def describe_memory(memory: Memory) -> tuple[str, list[str], datetime | None]:
    memory = Memory.objects.get(pk=memory.pk, deleted_at=None)
    return memory.text, sorted(tag.name for tag in memory.tags.all()), memory.expires_at


BEFORE = ("before", ["food", "home"], None)


def test_undo_restores_text_tags_and_expiry_in_one_update(ada: User, memory: Memory) -> None:
    expires_at = timezone.now() + SOON
    batch = run_import(
        session(ada), jsonl_file(changed_line(memory, tags=["new"], expires_at=_iso(expires_at)))
    )
    assert describe_memory(memory) == ("after", ["new"], expires_at)
    import_run.undo_import(session(ada), batch.pk)
    assert (describe_memory(memory), Memory.objects.get().version) == (BEFORE, 3)


def test_undo_restores_removed_expiry(ada: User) -> None:
    expires_at = timezone.now() + SOON
    memory = remember(ada, "before", expires_at=expires_at)
    Memory.objects.update(written_at=Now() - timedelta(days=1))
    batch = run_import(session(ada), jsonl_file(changed_line(memory, expires_at=None)))
    assert describe_memory(memory) == ("after", [], None)
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory) == ("before", [], expires_at)


def test_undo_restores_memory_expired_by_import(ada: User, memory: Memory) -> None:
    batch = run_import(session(ada), jsonl_file(changed_line(memory, expires_at=_iso(timezone.now() + SOON))))
    Memory.objects.update(expires_at=Now() - timedelta(seconds=1))
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory) == BEFORE


def test_undo_does_not_restore_past_expiry(
    ada: User, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory.objects.update(expires_at=timezone.now() + SOON)
    batch = run_import(session(ada), jsonl_file(changed_line(memory, expires_at=None)))
    monkeypatch.setattr(apply_change, "is_expiring_soon", bool)
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory) == BEFORE


def test_undo_uses_current_tag_names_and_recreates_deleted_tags(ada: User, memory: Memory) -> None:
    remember(ada, "other", tags=["food"])
    batch = run_import(session(ada), jsonl_file(changed_line(memory, tags=[])))
    tag_admin.rename_tag(session(ada), _get_tag("food").pk, "meals")
    _get_tag("home").delete()
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory) == ("before", ["home", "meals"], None)


def _get_tag(name: str) -> Tag:
    [tag] = [tag for tag in Tag.objects.all() if tag.name == name]
    return tag


def test_undo_records_are_encrypted(ada: User, memory: Memory) -> None:
    run_import(session(ada), jsonl_file(changed_line(memory)))
    row = StagedMemories.objects.get()
    assert orjson.loads(row.content)[0]["tags"] == [
        [str(_get_tag(name).pk), name] for name in ("food", "home")
    ]
    assert b"food" not in bytes(cast(bytes, StagedMemories.objects.values_list("content", flat=True).get()))


def test_undo_of_import_without_recorded_tags_restores_text(ada: User, memory: Memory) -> None:
    batch = run_import(session(ada), jsonl_file(changed_line(memory, tags=["new"])))
    row = StagedMemories.objects.get()
    row.content = orjson.dumps([[str(memory.pk), 1]]).decode()
    row.save(update_fields=["content"])
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory) == ("before", ["new"], None)


def test_line_without_tags_and_expiry_keeps_them(ada: User, memory: Memory) -> None:
    expires_at = timezone.now() + SOON
    Memory.objects.update(expires_at=expires_at)
    run_import(session(ada), jsonl_file(changed_line(memory)))
    assert describe_memory(memory) == ("after", ["food", "home"], expires_at)


def test_renaming_tag_does_not_make_text_newer(ada: User, memory: Memory) -> None:
    an_hour_ago = _iso(timezone.now() - SOON)
    tag_admin.rename_tag(session(ada), _get_tag("food").pk, "meals")
    run_import(session(ada), jsonl_file(changed_line(memory, written_at=an_hour_ago, updated_at=an_hour_ago)))
    assert describe_memory(memory) == ("after", ["home", "meals"], None)


def test_older_text_is_skipped_even_if_updated_later(ada: User, memory: Memory) -> None:
    batch = run_import(session(ada), jsonl_file(changed_line(memory, written_at="2025-01-01T00:00:00Z")))
    assert (describe_memory(memory), batch.counts["skipped"]) == (BEFORE, {"older": 1})


def test_edit_after_preview_is_kept(ada: User, memory: Memory) -> None:
    batch = start_import(ada, changed_line(memory))
    writes.update_memory(session(ada), memory.pk, text="by hand")
    assert import_run.advance_import(session(ada), batch.pk).state == "done"
    assert describe_memory(memory)[0] == "by hand"
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory)[0] == "by hand"


def test_edit_after_import_survives_undo(ada: User, memory: Memory) -> None:
    batch = run_import(session(ada), jsonl_file(changed_line(memory)))
    writes.update_memory(session(ada), memory.pk, text="by hand")
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory)[0] == "by hand"


def test_change_without_effect_is_not_undone(ada: User, memory: Memory) -> None:
    batch = start_import(ada, changed_line(memory, tags=["food", "home"]))
    writes.update_memory(session(ada), memory.pk, text="after")
    Memory.objects.update(written_at=Now() - timedelta(days=1))
    import_run.advance_import(session(ada), batch.pk)
    import_run.undo_import(session(ada), batch.pk)
    assert describe_memory(memory)[0] == "after"


def test_change_that_expires_before_import_is_skipped(
    ada: User, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires_at = timezone.now() + SOON
    batch = start_import(ada, changed_line(memory, expires_at=_iso(expires_at)), {"text": "another"})
    monkeypatch.setattr(timezone, "now", lambda: expires_at + timedelta(seconds=1))
    assert import_run.advance_import(session(ada), batch.pk).state == "done"
    assert sorted(each.text for each in Memory.objects.all()) == ["another", "before"]


@pytest.mark.parametrize("tags", [None, ["new"]], ids=["unchanged", "changed"])
def test_undo_accepts_one_tag_over_limit(tags: list[str] | None, ada: User, memory: Memory) -> None:
    """A memory written by an app limited to tags may have one tag more than an update accepts."""
    [work] = remember(ada, "other", tags=["work"]).tags.all()
    limited_app = app(ada, only_tags=frozenset({work.pk}))
    memory_at_limit = writes.create_memory(
        limited_app, text="full", tags=[f"tag {number}" for number in range(20)]
    )
    Memory.objects.filter(pk=memory_at_limit.pk).update(written_at=Now() - timedelta(days=1))
    batch = run_import(
        session(ada), jsonl_file(changed_line(memory_at_limit, **({} if tags is None else {"tags": tags})))
    )
    assert import_run.undo_import(session(ada), batch.pk).state == "undone"
    text, names, _expiry = describe_memory(memory_at_limit)
    assert (text, len(names)) == ("full", 21 if tags is None else 20)
