"""Ids of files find memories again in a further import and tell nobody what else exists."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.models import Memory, Tag
from memories.portability.exports.formats import export_memories
from memories.portability.imports import run as import_run
from memories.services import writes
from tests.factories import remember, session
from tests.memories.portability.imports.test_authorization import build_app_actor
from tests.memories.portability.imports.test_run import jsonl_file, run_import, saved_memories
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)
ID = UUID("019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e")
LINE = {"id": str(ID), "text": "I keep bees.", "updated_at": "2025-01-01T00:00:00Z"}


def export_lines(actor: Actor) -> list[dict[str, Any]]:
    exported = b"".join(export_memories(actor, "jsonl").chunks)
    return [json.loads(line) for line in exported.splitlines()]


def connect(user: User, *tags: str) -> Actor:
    """Connect an app, limited to the tags if there are any."""
    notes = make_app()
    found = frozenset(each.pk for each in Tag.objects.filter(owner=user) if each.name in tags)
    return build_app_actor(user, notes, allow(user, notes, *MANAGER, only_tags=found or None))


def test_id_of_a_file_is_never_that_of_a_memory(ada: User) -> None:
    run_import(session(ada), jsonl_file({**LINE, "created_at": "2025-01-01T00:00:00Z"}))
    [memory] = saved_memories(ada)
    assert (memory.pk == ID, memory.imported_id) == (False, ID)
    assert memory.pk.bytes[:4] < ID.bytes[:4]  # sorts by its time
    assert [line["id"] for line in export_lines(session(ada))] == [str(ID)]


def test_reads_show_the_id_of_the_memory(ada: User) -> None:
    run_import(session(ada), jsonl_file(LINE))
    [memory] = saved_memories(ada)
    assert writes.update_memory(session(ada), memory.pk, text="I keep ants.").exported_id is None


def test_newer_text_finds_its_memory_by_the_id_of_the_file(ada: User) -> None:
    run_import(session(ada), jsonl_file(LINE))
    [memory] = saved_memories(ada)
    batch = run_import(
        session(ada), jsonl_file({**LINE, "text": "I keep ants.", "updated_at": "2025-02-01T00:00:00Z"})
    )
    assert (batch.counts["new"], batch.counts["changed"]) == (0, 1)
    assert [(each.pk, each.text) for each in saved_memories(ada)] == [(memory.pk, "I keep ants.")]
    import_run.undo_import(session(ada), batch.pk)
    assert [each.text for each in saved_memories(ada)] == ["I keep bees."]


def test_memory_that_has_the_id_itself_is_found_first(ada: User) -> None:
    """Memories that earlier versions imported have the id of the file."""
    Memory.objects.bulk_create([Memory(pk=ID, owner=ada, text="I keep bees.", source="web")])
    Memory.objects.update(written_at=datetime(2024, 1, 1, tzinfo=UTC))
    batch = run_import(session(ada), jsonl_file({**LINE, "text": "I keep ants."}))
    assert (batch.counts["changed"], [each.pk for each in saved_memories(ada)]) == (1, [ID])


def test_two_users_may_have_the_same_id(ada: User, bob: User) -> None:
    for user in (ada, bob):
        run_import(session(user), jsonl_file(LINE))
    assert list(Memory.objects.values_list("imported_id", flat=True)) == [ID, ID]
    copy = Memory(owner=ada, text="another", source="web", imported_id=ID)
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)


def test_links_in_exports_name_the_ids_of_the_file(ada: User, bob: User) -> None:
    older = remember(ada, "I live in Bonn.")
    newer = writes.create_memory(session(ada), text="I live in Kiel.", supersedes=older.pk)
    first = export_lines(session(ada))
    run_import(session(bob), io.BytesIO(b"".join(export_memories(session(ada), "jsonl").chunks)))
    second = export_lines(session(bob))
    assert [(line["id"], line["supersedes"]) for line in second] == [
        (line["id"], line["supersedes"]) for line in first
    ]
    assert second[1]["supersedes"] == str(older.pk) != str(newer.pk)


@pytest.mark.parametrize("state", ["public", "private", "trash", "deleted", "absent"])
def test_stranger_does_not_learn_what_became_of_a_cited_memory(ada: User, bob: User, state: str) -> None:
    """A citation names the id of a memory. Whatever became of it, an import with this id tells the same."""
    memory = remember(ada, "I keep bees.", visibility="public")
    cited = uuid4() if state == "absent" else memory.pk
    if state == "private":
        writes.set_visibility(session(ada), memory.pk, "private")
    elif state != "public":
        writes.trash_memory(session(ada), memory.pk)
    if state == "deleted":
        writes.delete_memory(session(ada), memory.pk)
    first = run_import(session(bob), jsonl_file({"picard": 1, "id": str(cited), "text": "x"}))
    second = run_import(session(bob), jsonl_file({"picard": 1, "id": str(cited), "text": "x"}))
    assert [(batch.counts["new"], batch.counts["duplicate"]) for batch in (first, second)] == [(1, 0), (0, 1)]
    [saved] = saved_memories(bob)
    assert (saved.pk == cited, saved.imported_id) == (False, cited)
    assert [line["id"] for line in export_lines(session(bob))] == [str(cited)]


@pytest.mark.parametrize("hidden", ["own", "imported", "none"])
def test_limited_app_does_not_learn_whether_an_id_exists(ada: User, hidden: str) -> None:
    """Two imports and the export answer the same, whatever is hidden from the app."""
    remember(ada, "I work.", tags=["work"])
    if hidden == "own":
        Memory.objects.bulk_create([Memory(pk=ID, owner=ada, text="I am ill.", source="web")])
    elif hidden == "imported":
        run_import(session(ada), jsonl_file({**LINE, "text": "I am ill."}))
    limited = connect(ada, "work")
    first = run_import(limited, jsonl_file(LINE))
    second = run_import(
        limited, jsonl_file({**LINE, "text": "I keep ants.", "updated_at": "2025-02-01T00:00:00Z"})
    )
    for batch in (first, second):
        assert (batch.counts["new"], batch.counts["changed"], batch.counts["skipped"], batch.done) == (
            1,
            0,
            {},
            1,
        )
    assert str(ID) not in [line["id"] for line in export_lines(limited)]
    assert ID not in [each.imported_id for each in saved_memories(ada) if each.text != "I am ill."]


def test_app_does_not_learn_what_lies_in_the_trash(ada: User) -> None:
    run_import(session(ada), jsonl_file(LINE))
    [trashed] = saved_memories(ada)
    writes.trash_memory(session(ada), trashed.pk)
    manager = connect(ada)
    batch = run_import(manager, jsonl_file(LINE))
    assert (batch.counts["new"], [line["id"] for line in export_lines(manager)]) == (1, [str(ID)])
    writes.restore_memory(session(ada), trashed.pk)
    assert {line["id"] for line in export_lines(session(ada))} == {str(ID), str(trashed.pk)}


def test_memories_of_one_moment_keep_the_order_of_the_file(ada: User) -> None:
    texts = [f"memory {number}" for number in range(50)]
    moment = (timezone.now() - timedelta(days=1)).isoformat()
    run_import(session(ada), jsonl_file(*({"text": text, "created_at": moment} for text in texts)))
    assert [memory.text for memory in saved_memories(ada)] == texts
