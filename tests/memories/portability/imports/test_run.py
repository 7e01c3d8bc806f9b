"""An import is looked at first, brings what it said it would, is the same twice, and can be undone as one."""

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
from memories.portability.imports.stage import stage_import
from memories.portability.readers.chat_exports import ChatFilter
from memories.services import writes
from tests.factories import app, remember, session
from tests.memories.portability import samples
from tests.memories.portability.samples import file_of

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)


def bring(
    actor: Actor, given: Any, *, publish: bool = False, chats: ChatFilter = ChatFilter.MINE
) -> ImportBatch:
    batch = stage_import(actor, given, chats=chats)
    import_run.start_import(actor, batch.pk, publish=publish)
    return import_run.advance_import(actor, batch.pk, seconds=60)


def present(user: User) -> list[Memory]:
    return list(Memory.objects.filter(owner=user, deleted_at=None).order_by("pk"))


def lines(*memories: dict[str, Any]) -> BytesIO:
    return file_of("".join(json.dumps({"picard": 1, **memory}) + "\n" for memory in memories))


def test_a_look_keeps_nothing(ada: User) -> None:
    remember(ada, "I live in Leeds.")
    batch = stage_import(session(ada), samples.chatgpt_zip())
    assert batch.counts == {
        "new": 3, "changed": 0, "duplicate": 1, "public": 0,
        "skipped": {"no_text": 1, "of_the_assistant": 1},
    }  # fmt: skip
    assert import_run.get_sample(batch)[0] == "I like green tea."
    assert len(present(ada)) == 1


def test_what_comes_is_private_tagged_and_of_its_own_time(ada: User) -> None:
    bring(session(ada), file_of(samples.CSV))
    [memory] = present(ada)
    assert memory.visibility == "private"
    assert {tag.name for tag in memory.tags.all()} == {"food", "home", "imported:table"}
    assert memory.created_at == datetime(2025, 8, 1, tzinfo=UTC)
    assert memory.pk.version == 7
    assert AuditEvent.objects.filter(action="memory:create", memory_ids=[memory.pk]).exists()


def test_turns_of_a_conversation_follow_one_another(ada: User) -> None:
    bring(session(ada), samples.chatgpt_zip(), chats=ChatFilter.ALL)
    chat = [memory for memory in present(ada) if memory.conversation]
    places = sorted((str(memory.conversation), memory.position or 0) for memory in chat)
    assert [position for _, position in places].count(0) == 2
    assert sorted(position for _, position in places) == [0, 0, 1, 2]
    rows = [memory.vectors.get() for memory in chat]
    assert all(row.sequence is not None for row in rows)


def test_twice_is_once(ada: User) -> None:
    for make in (samples.chatgpt_zip, samples.claude_zip, lambda: file_of(samples.TRANSFER)):
        first, second = bring(session(ada), make()), bring(session(ada), make())
        assert first.counts["new"] == second.counts["duplicate"] > 0
        assert second.counts["new"] == second.done == 0


def test_what_was_edited_since_does_not_come_again(ada: User) -> None:
    bring(session(ada), file_of("[2025-01-01] - I like tea."))
    [memory] = present(ada)
    writes.update_memory(session(ada), memory.pk, text="I like coffee.")
    assert bring(session(ada), file_of("[2025-01-01] - I like tea.")).counts["duplicate"] == 1


def test_undo_puts_all_of_it_in_the_trash_and_nothing_else(ada: User) -> None:
    kept = remember(ada, "kept")
    batch = bring(session(ada), samples.chatgpt_zip())
    assert len(present(ada)) == 5
    assert import_run.undo_import(session(ada), batch.pk).state == "undone"
    assert present(ada) == [kept]
    assert bring(session(ada), samples.chatgpt_zip()).counts["new"] == 4


def test_a_later_text_of_the_same_id_changes_it_and_undo_takes_it_back(ada: User) -> None:
    memory = remember(ada, "before")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    line = {"id": str(memory.pk), "text": "after", "updated_at": later}
    Memory.objects.filter(pk=memory.pk).update(written_at=Now() - timedelta(days=1))
    batch = bring(session(ada), lines(line))
    assert (batch.counts["changed"], [each.text for each in present(ada)]) == (1, ["after"])
    import_run.undo_import(session(ada), batch.pk)
    assert [each.text for each in present(ada)] == ["before"]


def test_an_older_text_of_the_same_id_changes_nothing(ada: User) -> None:
    memory = remember(ada, "now")
    line = {"id": str(memory.pk), "text": "then", "updated_at": "2020-01-01T00:00:00Z"}
    assert bring(session(ada), lines(line)).counts["skipped"] == {"older": 1}
    assert [each.text for each in present(ada)] == ["now"]


def test_an_id_that_another_person_has_is_not_touched(ada: User, bob: User) -> None:
    hers = remember(ada, "hers")
    later = datetime.now(UTC).isoformat()
    bring(session(bob), lines({"id": str(hers.pk), "text": "his", "updated_at": later}))
    [his] = present(bob)
    assert his.pk != hers.pk
    assert Memory.objects.get(pk=hers.pk).text == "hers"


def test_public_only_by_an_extra_yes(ada: User) -> None:
    line = {"text": "known to all", "visibility": "public"}
    batch = bring(session(ada), lines(line))
    assert (batch.counts["public"], present(ada)[0].visibility) == (1, "private")
    import_run.undo_import(session(ada), batch.pk)
    bring(session(ada), lines(line), publish=True)
    assert present(ada)[0].visibility == "public"


def test_a_long_text_comes_in_parts_that_follow_one_another(ada: User) -> None:
    bring(session(ada), file_of([{"text": " ".join(f"This is sentence {n}." for n in range(1_200))}]))
    parts = sorted(present(ada), key=lambda memory: memory.position or 0)
    assert [part.position for part in parts] == [0, 1, 2, 3]
    assert len({part.conversation for part in parts}) == 1


ODD = {
    "blank": ({"text": "  "}, "blank"),
    "null": ({"text": "a\0b"}, "null_character"),
    "expired": ({"text": "a", "expires_at": "2020-01-01T00:00:00Z"}, "expired"),
    "naive expiry": ({"text": "a", "expires_at": "2099-01-01T00:00:00"}, "not_a_memory"),
    "no text": ({"text": 1}, "not_a_memory"),
    "unreadable": ({"text": None}, "unreadable"),
    "half a place": ({"text": "a", "position": 1}, "not_a_memory"),
    "below zero": ({"text": "a", "position": -1, "conversation": str(UUID(int=1))}, "not_a_memory"),
    "version": ({"text": "a", "version": 2**40}, "not_a_memory"),
    "last version": ({"text": "a", "version": 2**31 - 1}, "not_a_memory"),
}


@pytest.mark.parametrize(("line", "reason"), ODD.values(), ids=ODD)
def test_an_odd_line_is_counted_and_the_others_come(ada: User, line: dict[str, Any], reason: str) -> None:
    batch = bring(session(ada), lines(line, {"text": "good"}))
    assert batch.counts["skipped"] == {reason: 1}
    assert [memory.text for memory in present(ada)] == ["good"]


def test_a_file_that_breaks_off_leaves_nothing(ada: User) -> None:
    with pytest.raises(ValidationError):
        stage_import(session(ada), file_of('[{"memory": "a"}, {"memory": "b'))
    assert not ImportBatch.objects.exists()
    assert not StagedMemories.objects.exists()


def test_what_waits_lies_sealed_and_is_emptied(ada: User) -> None:
    batch = stage_import(session(ada), file_of("[2025-01-01] - I like rooibos."))
    assert not _stored_in_clear(b"rooibos")
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk)
    assert StagedMemories.objects.get().content == "[]"
    assert ImportBatch.objects.get().sample == "[]"


def _stored_in_clear(word: bytes) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select content from memories_stagedmemories union all select sample from memories_importbatch"
        )
        return any(word in bytes(row[0]) for row in cursor.fetchall())


def test_a_new_look_gives_up_the_one_that_waits(ada: User) -> None:
    first = stage_import(session(ada), file_of("[2025-01-01] - one"))
    stage_import(session(ada), file_of("[2025-01-01] - two"))
    with pytest.raises(ImportNotFound):
        import_run.get_import(session(ada), first.pk)


def test_while_one_is_under_way_no_other_begins(ada: User) -> None:
    batch = stage_import(session(ada), file_of("[2025-01-01] - one"))
    import_run.start_import(session(ada), batch.pk)
    with pytest.raises(ImportInProgress):
        stage_import(session(ada), file_of("[2025-01-01] - two"))


def test_it_goes_on_where_it_stopped(ada: User) -> None:
    batch = stage_import(session(ada), file_of([f"memory {number}" for number in range(2_200)]))
    import_run.start_import(session(ada), batch.pk)
    done = [import_run.advance_import(session(ada), batch.pk, seconds=0).done for _ in range(3)]
    assert done == [1_000, 2_000, 2_200]
    assert import_run.advance_import(session(ada), batch.pk).done == 2_200
    assert len(present(ada)) == 2_200


def test_it_can_be_undone_while_it_is_under_way(ada: User, ada_client: Client) -> None:
    batch = stage_import(session(ada), file_of([f"memory {number}" for number in range(1_001)]))
    import_run.start_import(session(ada), batch.pk)
    import_run.advance_import(session(ada), batch.pk, seconds=0)
    undo = f"/memories/import/{batch.pk}/undo/"
    assert undo in ada_client.get(f"/memories/import/{batch.pk}/").content.decode()
    ada_client.post(undo)
    assert present(ada) == []
    assert bring(session(ada), file_of(["memory 1"])).counts["new"] == 1


def test_a_strangers_import_is_not_there(ada: User, bob: User) -> None:
    batch = stage_import(session(ada), file_of("[2025-01-01] - one"))
    for act in (
        import_run.get_import,
        import_run.start_import,
        import_run.advance_import,
        import_run.undo_import,
        import_run.discard_import,
    ):
        with pytest.raises(ImportNotFound):
            act(session(bob), batch.pk)
    assert import_run.list_imports(session(bob)) == []


@pytest.mark.parametrize("missing", MANAGER)
def test_an_app_needs_all_of_the_scopes(ada: User, missing: str) -> None:
    with pytest.raises(InsufficientScope):
        stage_import(
            app(ada, *(scope for scope in MANAGER if scope != missing)), file_of("[2025-01-01] - one")
        )


def test_an_app_sees_its_own_imports_only_and_cannot_publish(ada: User) -> None:
    hers = stage_import(session(ada), file_of("[2025-01-01] - hers"))
    with pytest.raises(ImportNotFound):
        import_run.get_import(app(ada, *MANAGER), hers.pk)
    with pytest.raises(InsufficientScope):
        bring(app(ada, *MANAGER), lines({"text": "a", "visibility": "public"}), publish=True)


def test_a_narrowed_app_does_not_learn_what_is_there(ada: User) -> None:
    remember(ada, "I am ill.", tags=["health"])
    [work] = remember(ada, "I work.", tags=["work"]).tags.all()
    narrowed = app(ada, *MANAGER, only_tags=frozenset({work.pk}))
    assert stage_import(narrowed, file_of("[2025-01-01] - I am ill.")).counts["duplicate"] == 0


def test_what_nobody_says_yes_to_is_purged(ada: User) -> None:
    stage_import(session(ada), file_of("[2025-01-01] - one"))
    assert import_run.purge_imports() == 0
    ImportBatch.objects.update(created_at=Now() - timedelta(hours=25))
    assert import_run.purge_imports() > 0
    assert not StagedMemories.objects.exists()
