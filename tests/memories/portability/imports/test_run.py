"""Imports are previewed, import what they announced, are idempotent, and can be undone as a whole."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from accounts.actor import Actor, InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import ImportInProgress, ImportNotFound
from memories.models import AuditEvent, ImportBatch, Memory, StagedMemories
from memories.portability.imports import run as import_run
from memories.portability.readers.formats import ChatFilter
from memories.search.query import search_memories
from memories.services import writes
from tests.factories import app, remember, session
from tests.memories.portability.samples import files as samples
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import connect_actor

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)


def run_import(
    actor: Actor, source: Any, *, publish: bool = False, chats: ChatFilter = ChatFilter.MINE
) -> ImportBatch:
    batch = stage(actor, source, chats=chats)
    import_run.start_import(actor, batch.pk, publish=publish)
    return import_run.advance_import(actor, batch.pk, seconds=60)


def saved_memories(user: User) -> list[Memory]:
    return list(Memory.objects.filter(owner=user, deleted_at=None).order_by("pk"))


def jsonl_file(*memories: dict[str, Any]) -> BytesIO:
    return file_of("".join(json.dumps({"picard": 1, **memory}) + "\n" for memory in memories))


def test_preview_saves_no_memories(ada: User) -> None:
    remember(ada, "I live in Leeds.")
    batch = stage(session(ada), samples.chatgpt_zip())
    counts = {name: batch.counts[name] for name in ("new", "changed", "duplicate", "public")}
    assert counts == {"new": 3, "changed": 0, "duplicate": 1, "public": 0}
    assert import_run.get_sample(batch)[0] == "I like green tea."
    assert len(saved_memories(ada)) == 1


def test_imported_memories_are_private_tagged_and_dated(ada: User) -> None:
    run_import(session(ada), file_of(samples.CSV))
    [memory] = saved_memories(ada)
    assert memory.visibility == "private"
    assert {tag.name for tag in memory.tags.all()} == {"food", "home", "imported:table"}
    assert memory.created_at == datetime(2025, 8, 1, tzinfo=UTC)
    assert memory.pk.version == 7
    assert AuditEvent.objects.filter(action="memory:create", memory_ids=[memory.pk]).exists()


def test_imported_memory_is_found_by_its_day_at_once(ada: User) -> None:
    run_import(
        session(ada), file_of("[2023-05-07] - I went for a walk.\n[2024-01-15] - I went for a walk again.")
    )
    hits = search_memories(session(ada), "a walk in May").hits
    assert hits[0].memory.text == "I went for a walk."


def test_repeated_import_adds_nothing(ada: User) -> None:
    for make in (samples.chatgpt_zip, samples.claude_zip, lambda: file_of(samples.TRANSFER)):
        first, second = run_import(session(ada), make()), run_import(session(ada), make())
        assert first.counts["new"] == second.counts["duplicate"] > 0
        assert second.counts["new"] == second.done == 0


def test_edited_memory_is_not_imported_again(ada: User) -> None:
    run_import(session(ada), file_of("[2025-01-01] - I like tea."))
    [memory] = saved_memories(ada)
    writes.update_memory(session(ada), memory.pk, text="I like coffee.")
    assert run_import(session(ada), file_of("[2025-01-01] - I like tea.")).counts["duplicate"] == 1


def test_undo_moves_only_imported_memories_to_trash(ada: User) -> None:
    kept = remember(ada, "kept")
    batch = run_import(session(ada), samples.chatgpt_zip())
    assert len(saved_memories(ada)) == 5
    assert import_run.undo_import(session(ada), batch.pk).state == "undone"
    assert saved_memories(ada) == [kept]
    assert run_import(session(ada), samples.chatgpt_zip()).counts["new"] == 4


def test_newer_text_of_same_id_changes_memory_and_undo_reverts_it(ada: User) -> None:
    memory = remember(ada, "before")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    line = {"id": str(memory.pk), "text": "after", "updated_at": later}
    Memory.objects.filter(pk=memory.pk).update(written_at=Now() - timedelta(days=1))
    batch = run_import(session(ada), jsonl_file(line))
    assert (batch.counts["changed"], [each.text for each in saved_memories(ada)]) == (1, ["after"])
    import_run.undo_import(session(ada), batch.pk)
    assert [each.text for each in saved_memories(ada)] == ["before"]


def test_older_text_of_same_id_is_skipped(ada: User) -> None:
    memory = remember(ada, "now")
    line = {"id": str(memory.pk), "text": "then", "updated_at": "2020-01-01T00:00:00Z"}
    assert run_import(session(ada), jsonl_file(line)).counts["skipped"] == {"older": 1}
    assert [each.text for each in saved_memories(ada)] == ["now"]


def test_id_of_another_user_tells_nothing(ada: User, bob: User) -> None:
    hers = remember(ada, "hers")
    later = datetime.now(UTC).isoformat()
    run_import(session(bob), jsonl_file({"id": str(hers.pk), "text": "his", "updated_at": later}))
    [his] = saved_memories(bob)
    assert (his.pk != hers.pk, his.imported_id) == (True, hers.pk)
    assert Memory.objects.get(pk=hers.pk).text == "hers"


def test_public_memories_need_explicit_approval(ada: User) -> None:
    line = {"text": "known to all", "visibility": "public"}
    batch = run_import(session(ada), jsonl_file(line))
    assert (batch.counts["public"], saved_memories(ada)[0].visibility) == (1, "private")
    import_run.undo_import(session(ada), batch.pk)
    run_import(session(ada), jsonl_file(line), publish=True)
    assert saved_memories(ada)[0].visibility == "public"


INVALID_LINES = {
    "blank": ({"text": "  "}, "blank"),
    "null character": ({"text": "a\0b"}, "null_character"),
    "expired": ({"text": "a", "expires_at": "2020-01-01T00:00:00Z"}, "expired"),
    "no text": ({"text": 1}, "not_a_memory"),
    "unreadable": ({"text": None}, "unreadable"),
    "position without conversation": ({"text": "a", "position": 1}, "not_a_memory"),
    "negative position": ({"text": "a", "position": -1, "conversation": str(UUID(int=1))}, "not_a_memory"),
    "version too large": ({"text": "a", "version": 2**40}, "not_a_memory"),
    "largest integer version": ({"text": "a", "version": 2**31 - 1}, "not_a_memory"),
}


@pytest.mark.parametrize(("line", "reason"), INVALID_LINES.values(), ids=INVALID_LINES)
def test_invalid_line_is_skipped_and_others_are_imported(
    ada: User, line: dict[str, Any], reason: str
) -> None:
    batch = run_import(session(ada), jsonl_file(line, {"text": "good"}))
    assert batch.counts["skipped"] == {reason: 1}
    assert [memory.text for memory in saved_memories(ada)] == ["good"]


def test_truncated_file_stages_nothing(ada: User) -> None:
    with pytest.raises(ValidationError):
        stage(session(ada), file_of('[{"memory": "a"}, {"memory": "b'))
    assert not ImportBatch.objects.exists()
    assert not StagedMemories.objects.exists()


def test_staged_rows_are_encrypted_and_emptied_after_import(ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - I like rooibos."))
    assert not _is_stored_in_plaintext(b"rooibos")
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk)
    assert StagedMemories.objects.get().content == "[]"
    assert ImportBatch.objects.get().sample == "[]"


def _is_stored_in_plaintext(word: bytes) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select content from memories_stagedmemories union all select sample from memories_importbatch"
        )
        return any(word in bytes(row[0]) for row in cursor.fetchall())


def test_new_preview_replaces_staged_import(ada: User) -> None:
    first = stage(session(ada), file_of("[2025-01-01] - one"))
    stage(session(ada), file_of("[2025-01-01] - two"))
    with pytest.raises(ImportNotFound):
        import_run.get_import(session(ada), first.pk)


def test_running_import_blocks_new_preview(ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    import_run.start_import(session(ada), batch.pk)
    with pytest.raises(ImportInProgress):
        stage(session(ada), file_of("[2025-01-01] - two"))


def test_import_resumes_where_it_stopped(ada: User) -> None:
    batch = stage(session(ada), file_of([f"memory {number}" for number in range(2_200)]))
    import_run.start_import(session(ada), batch.pk)
    done = [import_run.advance_import(session(ada), batch.pk, seconds=0).done for _ in range(3)]
    assert done == [1_000, 2_000, 2_200]
    assert import_run.advance_import(session(ada), batch.pk).done == 2_200
    assert len(saved_memories(ada)) == 2_200


def test_running_import_can_be_undone(ada: User, ada_client: Client) -> None:
    batch = stage(session(ada), file_of([f"memory {number}" for number in range(1_001)]))
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk, seconds=0)
    undo = f"/memories/import/{batch.pk}/undo/"
    assert undo in ada_client.get(f"/memories/import/{batch.pk}/").content.decode()
    ada_client.post(undo)
    assert saved_memories(ada) == []
    assert run_import(session(ada), file_of(["memory 1"])).counts["new"] == 1


def test_import_of_another_user_is_not_found(ada: User, bob: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - one"))
    for action in (
        import_run.get_import,
        import_run.start_import,
        import_run.advance_import,
        import_run.undo_import,
        import_run.discard_import,
    ):
        with pytest.raises(ImportNotFound):
            action(session(bob), batch.pk)
    assert import_run.list_imports(session(bob)) == []


@pytest.mark.parametrize("missing", MANAGER)
def test_app_needs_all_scopes(ada: User, missing: str) -> None:
    with pytest.raises(InsufficientScope):
        stage(app(ada, *(scope for scope in MANAGER if scope != missing)), file_of("[2025-01-01] - one"))


def test_app_sees_only_its_imports_and_cannot_publish(ada: User) -> None:
    hers = stage(session(ada), file_of("[2025-01-01] - hers"))
    with pytest.raises(ImportNotFound):
        import_run.get_import(app(ada, *MANAGER), hers.pk)
    with pytest.raises(InsufficientScope):
        run_import(app(ada, *MANAGER), jsonl_file({"text": "a", "visibility": "public"}), publish=True)


def test_preview_of_app_limited_to_tags_does_not_reveal_other_memories(ada: User) -> None:
    remember(ada, "I am ill.", tags=["health"])
    [work] = remember(ada, "I work.", tags=["work"]).tags.all()
    limited_app = connect_actor(ada, *MANAGER, only_tags=frozenset({work.pk}))
    assert stage(limited_app, file_of("[2025-01-01] - I am ill.")).counts["duplicate"] == 0


def test_unapproved_import_is_purged(ada: User) -> None:
    stage(session(ada), file_of("[2025-01-01] - one"))
    assert import_run.purge_imports() == 0
    ImportBatch.objects.update(created_at=Now() - timedelta(hours=25))
    assert import_run.purge_imports() > 0
    assert not StagedMemories.objects.exists()


def test_import_works_where_the_time_zone_is_unknown(ada: User) -> None:
    """Another machine with more zones may have accepted it."""
    ada.time_zone = "Mars/Olympus"
    stage(session(ada), file_of('[{"text": "I run every Sunday.", "created_at": "2025-01-01"}]'))
    assert ImportBatch.objects.get().counts["new"] == 1
