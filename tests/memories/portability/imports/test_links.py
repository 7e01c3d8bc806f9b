"""Which memory replaces which survives export and import, in every format that can say it."""

import json
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from accounts.ids import new_id
from accounts.models import User
from memories.models import ImportBatch, Memory
from memories.portability.exports.formats import export_memories
from memories.portability.imports import run as import_run
from memories.services import writes
from tests.factories import remember, session
from tests.memories.portability.imports.test_run import jsonl_file, run_import
from tests.memories.portability.samples.files import file_of

pytestmark = pytest.mark.django_db

OLD, NEW = "I live in Berlin.", "I moved from Berlin to Hamburg."


def read_links(user: User) -> dict[str, str | None]:
    """Return the text of each current memory with the text of the one that it replaces."""
    memories = {memory.pk: memory for memory in Memory.objects.filter(owner=user, deleted_at=None)}
    return {
        memory.text: memories[memory.supersedes_id].text if memory.supersedes_id else None
        for memory in memories.values()
    }


def export(user: User, form: str) -> BytesIO:
    return BytesIO(b"".join(export_memories(session(user), form).chunks))


def get_lost(batch: ImportBatch) -> int:
    return int(batch.counts["skipped"].get("unlinked", 0))


@pytest.mark.parametrize(
    ("form", "is_newer_first"),
    [("jsonl", False), ("jsonl", True), ("pam", False), ("pam", True), ("markdown", True), ("csv", False)],
)
def test_exported_link_is_restored_in_another_account(
    ada: User, bob: User, form: str, is_newer_first: bool
) -> None:
    first, second = (remember(ada, text) for text in ((NEW, OLD) if is_newer_first else (OLD, NEW)))
    newer, older = (first, second) if is_newer_first else (second, first)
    writes.update_memory(session(ada), newer.pk, supersedes=older.pk)
    file = export(ada, form)
    Memory.objects.filter(owner=ada).delete()
    batch = run_import(session(bob), file)
    assert read_links(bob) == {OLD: None, NEW: OLD}
    assert get_lost(batch) == 0


@pytest.mark.parametrize("form", ["jsonl", "pam"])
def test_exported_link_is_restored_next_to_the_account_that_it_is_from(
    ada: User, bob: User, form: str
) -> None:
    older = remember(ada, OLD)
    newer = writes.create_memory(session(ada), text=NEW, supersedes=older.pk)
    batch = run_import(session(bob), export(ada, form))
    assert read_links(bob) == read_links(ada) == {OLD: None, NEW: OLD}
    assert get_lost(batch) == 0
    ids = Memory.objects.filter(owner=bob).order_by("pk").values_list("pk", flat=True)
    assert [pk.version for pk in ids] == [7, 7]
    assert not {older.pk, newer.pk} & set(ids)


@pytest.mark.parametrize("trashed", [{OLD, NEW}, {NEW}, {OLD}])
def test_link_of_a_memory_in_the_trash_stays(ada: User, trashed: set[str]) -> None:
    older = remember(ada, OLD)
    newer = writes.create_memory(session(ada), text=NEW, supersedes=older.pk)
    file = export(ada, "jsonl")
    for memory in (older, newer):
        if memory.text in trashed:
            writes.trash_memory(session(ada), memory.pk)
    batch = run_import(session(ada), file)
    assert (batch.counts["new"], batch.counts["skipped"]) == (0, {"in_your_trash": len(trashed)})
    for memory in (older, newer):
        if memory.text in trashed:
            writes.restore_memory(session(ada), memory.pk)
    assert read_links(ada) == {OLD: None, NEW: OLD}


def test_link_of_a_new_memory_to_the_trash_is_counted(ada: User, bob: User) -> None:
    older = remember(ada, OLD)
    writes.create_memory(session(ada), text=NEW, supersedes=older.pk)
    writes.trash_memory(session(bob), remember(bob, OLD).pk)
    batch = run_import(session(bob), export(ada, "jsonl"))
    assert read_links(bob) == {NEW: None}
    assert batch.counts["skipped"] == {"in_your_trash": 1, "unlinked": 1}


def test_own_export_keeps_version_and_times_of_a_linked_memory(ada: User, bob: User) -> None:
    older, newer = remember(ada, OLD), remember(ada, NEW)
    changed = writes.update_memory(session(ada), newer.pk, supersedes=older.pk)
    file = export(ada, "jsonl")
    Memory.objects.filter(owner=ada).delete()
    run_import(session(bob), file)
    imported = Memory.objects.get(owner=bob, imported_id=newer.pk)
    assert (imported.version, imported.updated_at) == (changed.version, changed.updated_at)


def test_chain_of_more_than_a_row_is_restored(ada: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memories.portability.imports.staged_items.ROW_ITEMS", 3)
    monkeypatch.setattr("memories.portability.imports.links.ROW_LINKS", 2)
    last: Memory | None = None
    for number in range(8):
        last = writes.create_memory(
            session(ada), text=f"Flat {number}.", supersedes=last.pk if last else None
        )
    file = export(ada, "jsonl")
    Memory.objects.filter(owner=ada).delete()
    batch = run_import(session(bob), file)
    assert read_links(bob) == {f"Flat {n}.": f"Flat {n - 1}." if n else None for n in range(8)}
    assert (batch.state, batch.done, batch.total) == ("done", 8, 8)


def test_chain_that_is_too_long_loses_single_links(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memories.services.supersession.MAX_CHAIN", 5)
    ids = [str(new_id()) for _ in range(12)]
    lines = [
        {"id": pk, "text": f"Flat {number}.", "supersedes": ids[number - 1] if number else None}
        for number, pk in enumerate(ids)
    ]
    batch = run_import(session(ada), jsonl_file(*lines))
    assert [number for number in range(12) if read_links(ada)[f"Flat {number}."] is None] == [0, 5, 10]
    assert get_lost(batch) == 2


ENTRIES: list[dict[str, Any]] = [
    {"id": "b", "memory": NEW, "created_at": "2025-06-02T08:00:00Z"},
    {"id": "a", "memory": OLD, "created_at": "2025-06-01T08:00:00Z"},
]


@pytest.mark.parametrize(
    ("where", "extra"),
    [
        (0, {"supersedes": "a"}),
        (0, {"supersedes": ["a"]}),
        (0, {"metadata": {"supersedes": "a"}}),
        (1, {"superseded_by": "b"}),
        (1, {"metadata": {"superseded_by": "b"}}),
    ],
)
def test_mem0_links_are_imported(ada: User, where: int, extra: dict[str, Any]) -> None:
    entries = [entry | (extra if place == where else {}) for place, entry in enumerate(ENTRIES)]
    run_import(session(ada), file_of({"results": entries}))
    assert read_links(ada) == {OLD: None, NEW: OLD}


def make_store(status: str, temporal: dict[str, str], relations: list[dict[str, str]]) -> BytesIO:
    memories = [
        {"id": "a", "content": OLD, "status": status, "temporal": temporal},
        {"id": "b", "content": NEW, "status": "active"},
    ]
    store = {"schema": "portable-ai-memory", "schema_version": "1.0", "memories": memories}
    return file_of({**store, "relations": relations})


def test_portable_ai_memory_links_are_imported(ada: User, bob: User) -> None:
    run_import(session(ada), make_store("superseded", {"superseded_by": "b"}, []))
    relation = {"id": "r", "from": "b", "to": "a", "type": "supersedes"}
    run_import(session(bob), make_store("superseded", {}, [relation]))
    assert read_links(ada) == read_links(bob) == {OLD: None, NEW: OLD}


def test_superseded_entry_without_what_replaces_it_is_skipped(ada: User, bob: User) -> None:
    for user, temporal in ((ada, {}), (bob, {"superseded_by": "missing"})):
        batch = run_import(session(user), make_store("superseded", temporal, []))
        assert read_links(user) == {NEW: None}
        assert batch.counts["skipped"]["superseded"] == 1
        assert (batch.counts["new"], batch.total, batch.done) == (1, 1, 1)


@pytest.mark.parametrize("stored", [OLD, NEW])
def test_memory_that_exists_already_is_linked(ada: User, stored: str) -> None:
    own = remember(ada, stored)
    run_import(session(ada), file_of({"results": [{**ENTRIES[0], "supersedes": "a"}, ENTRIES[1]]}))
    assert read_links(ada) == {OLD: None, NEW: OLD}
    assert Memory.objects.filter(pk=own.pk).exists()


def test_undone_import_removes_the_link_of_a_memory_that_existed(ada: User) -> None:
    own = remember(ada, NEW)
    batch = run_import(session(ada), file_of({"results": [{**ENTRIES[0], "supersedes": "a"}, ENTRIES[1]]}))
    import_run.undo_import(session(ada), batch.pk)
    assert read_links(ada) == {NEW: None}
    assert Memory.objects.get(pk=own.pk).supersedes_id is None


def test_undone_import_reverts_a_memory_that_it_changed_and_linked(ada: User) -> None:
    own = remember(ada, "I live in Hamburg, I think.")
    now = timezone.now().isoformat()
    lines = [
        {"id": str(own.pk), "text": NEW, "supersedes": str(UUID(int=1)), "written_at": now},
        {"id": str(UUID(int=1)), "text": OLD},
    ]
    batch = run_import(session(ada), jsonl_file(*lines))
    assert read_links(ada) == {OLD: None, NEW: OLD}
    import_run.undo_import(session(ada), batch.pk)
    assert read_links(ada) == {"I live in Hamburg, I think.": None}


def test_link_between_two_memories_that_exist_stays_as_the_user_left_it(ada: User) -> None:
    older, newer = remember(ada, OLD), remember(ada, NEW)
    writes.update_memory(session(ada), newer.pk, supersedes=older.pk)
    file = export(ada, "jsonl")
    writes.update_memory(session(ada), newer.pk, supersedes=None)
    batch = run_import(session(ada), file)
    assert read_links(ada) == {OLD: None, NEW: None}
    assert get_lost(batch) == 0


def test_links_that_cannot_be_kept_are_counted(ada: User) -> None:
    older = remember(ada, OLD)
    writes.create_memory(session(ada), text="I live in Bonn.", supersedes=older.pk)
    lines = [
        {"id": str(uuid4()), "text": NEW, "supersedes": str(older.pk)},  # superseded by another already
        {"id": str(uuid4()), "text": "Alone.", "supersedes": str(uuid4())},  # not in the file
        {"id": str(UUID(int=1)), "text": "One.", "supersedes": str(UUID(int=2))},
        {"id": str(UUID(int=2)), "text": "Two.", "supersedes": str(UUID(int=1))},  # a circle
        {"id": str(older.pk), "text": OLD},
    ]
    batch = run_import(session(ada), jsonl_file(*lines))
    assert get_lost(batch) == 3
    links = read_links(ada)
    assert links[NEW] is links["Alone."] is None
    assert sorted([links["One."], links["Two."]], key=str) == ["Two.", None] or links["Two."] is None


@pytest.mark.parametrize("value", ["nonsense", 7])
def test_line_with_an_invalid_link_is_skipped(ada: User, value: Any) -> None:
    lines = [{"id": str(uuid4()), "text": NEW, "supersedes": value}, {"id": str(uuid4()), "text": OLD}]
    batch = run_import(session(ada), jsonl_file(*lines))
    assert batch.counts["skipped"] == {"not_a_memory": 1}
    assert read_links(ada) == {OLD: None}
    assert json.dumps(batch.counts)
