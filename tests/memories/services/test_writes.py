"""Writes to memories: what they save, reject and audit."""

from collections.abc import Callable
from datetime import datetime, timedelta
from datetime import timezone as dt_timezone
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from accounts.actor import Actor, InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import MemoryNotFound, VersionConflict
from memories.jobs import retention
from memories.models import AuditEvent, Memory, MemoryRevision, MemoryTag, MemoryVector, Tag
from memories.services import reads, writes
from tests.database import owning_tables
from tests.factories import app, remember, session

pytestmark = pytest.mark.django_db


def test_memory_is_private_by_default(ada: User) -> None:
    memory = remember(ada, "I like tea.")
    assert (memory.visibility, memory.version, memory.source) == ("private", 1, "web")
    assert reads.get_memory(session(ada), memory.pk).text == "I like tea."


def test_whitespace_is_stripped_and_newlines_are_normalized(ada: User) -> None:
    assert remember(ada, "  one\r\ntwo \n").text == "one\ntwo"


INVALID_INPUTS = [
    ("text", "", "blank"),
    ("text", " \n\t ", "blank"),
    ("text", "x" * 8_001, "too_long"),
    ("text", "nul\0", "null_character"),
    ("text", "half \ud83d", "surrogate"),
    ("tags", [f"t{n}" for n in range(21)], "too_many_tags"),
    ("tags", ["x" * 51], "tag_too_long"),
    ("tags", ["nul\0"], "null_character"),
    ("visibility", "friends", "unknown_visibility"),
    ("expires_at", timezone.now() - timedelta(seconds=1), "expired"),
    ("expires_at", datetime(2099, 1, 1), "naive_time"),  # noqa: DTZ001
]


@pytest.mark.parametrize(
    ("field", "value", "code"), INVALID_INPUTS, ids=[f"{field} {code}" for field, _, code in INVALID_INPUTS]
)
def test_invalid_input_is_reported_by_field_and_changes_nothing(
    ada: User, field: str, value: Any, code: str
) -> None:
    memory = remember(ada, "good")
    fields: dict[str, Any] = {"text": "good", field: value}
    with pytest.raises(ValidationError) as at_creation:
        writes.create_memory(session(ada), **fields)
    with pytest.raises(ValidationError) as at_update:
        writes.update_memory(session(ada), memory.pk, **fields)
    for error in (at_creation.value, at_update.value):
        assert [problem.code for problem in error.error_dict[field]] == [code]
    assert Memory.objects.get().version == 1


def test_all_errors_are_reported_together(ada: User) -> None:
    with pytest.raises(ValidationError) as error:
        remember(ada, "", tags=["x" * 51], visibility="friends")
    assert set(error.value.error_dict) == {"text", "tags", "visibility"}


def test_longest_text_and_most_tags_are_saved(ada: User) -> None:
    memory = remember(ada, "x" * 8_000, tags=[f"{n} ".ljust(50, "t") for n in range(20)])
    assert memory.tags.count() == 20


def test_one_invalid_item_rejects_the_whole_batch(ada: User) -> None:
    with pytest.raises(ValidationError):
        writes.create_memories(session(ada), [writes.NewMemory("good"), writes.NewMemory("")])
    assert not Memory.objects.exists()


def test_spellings_of_a_tag_are_one_tag(ada: User) -> None:
    memory = remember(ada, "one", tags=["Work", " work ", "WORK"])
    other = remember(ada, "two", tags=["wOrk"])
    assert list(memory.tags.all()) == list(other.tags.all())
    assert [tag.name for tag in reads.list_tags(session(ada)).tags] == ["Work"]


def test_only_changes_create_a_version(ada: User) -> None:
    memory = remember(ada, "one", tags=["a"])
    same = writes.update_memory(session(ada), memory.pk, text="one", tags=["a"])
    assert same.version == 1
    assert writes.update_memory(session(ada), memory.pk, tags=["b"]).version == 2
    assert writes.update_memory(session(ada), memory.pk, text="two").version == 3


def test_earlier_text_is_saved_and_can_be_restored(ada: User) -> None:
    memory = remember(ada, "first")
    writes.update_memory(session(ada), memory.pk, text="second")
    writes.restore_version(session(ada), memory.pk, 1)
    assert reads.get_memory(session(ada), memory.pk).text == "first"
    assert [(r.version, r.text) for r in reads.get_history(session(ada), memory.pk).revisions] == [
        (2, "second"),
        (1, "first"),
    ]


def test_history_has_the_time_each_text_was_written(ada: User) -> None:
    memory = remember(ada, "first", tags=["a"])
    writes.update_memory(session(ada), memory.pk, tags=["b"])
    second = writes.update_memory(session(ada), memory.pk, text="second")
    writes.set_visibility(session(ada), memory.pk, "public")
    writes.update_memory(session(ada), memory.pk, text="third")
    revisions = reads.get_history(session(ada), memory.pk).revisions
    assert [revision.written_at for revision in revisions] == [second.written_at, memory.created_at]


def test_outdated_version_changes_nothing(ada: User) -> None:
    memory = remember(ada, "first")
    writes.update_memory(session(ada), memory.pk, text="second", expected_version=1)
    with pytest.raises(VersionConflict) as conflict:
        writes.update_memory(session(ada), memory.pk, text="third", expected_version=1)
    assert conflict.value.current == 2
    with pytest.raises(VersionConflict):
        writes.trash_memory(session(ada), memory.pk, expected_version=1)
    assert Memory.objects.get().text == "second"


def test_memory_can_be_trashed_and_restored(ada: User) -> None:
    memory = remember(ada, "one")
    writes.trash_memory(session(ada), memory.pk)
    with pytest.raises(MemoryNotFound):
        reads.get_memory(session(ada), memory.pk)
    writes.restore_memory(session(ada), memory.pk)
    assert reads.get_memory(session(ada), memory.pk).text == "one"
    assert not MemoryVector.objects.filter(is_trashed=True).exists()


def test_restored_expired_memory_has_no_expiry(ada: User) -> None:
    memory = remember(ada, "one")
    Memory.objects.update(expires_at=timezone.now() - timedelta(days=1))
    writes.restore_memory(session(ada), memory.pk)
    assert reads.get_memory(session(ada), memory.pk).expires_at is None


def test_only_trashed_memories_can_be_deleted_permanently(ada: User) -> None:
    memory = remember(ada, "one", tags=["a"])
    with pytest.raises(MemoryNotFound):
        writes.delete_memory(session(ada), memory.pk)
    writes.update_memory(session(ada), memory.pk, text="two")
    writes.trash_memory(session(ada), memory.pk)
    writes.delete_memory(session(ada), memory.pk)
    assert not any(model.objects.exists() for model in (Memory, MemoryVector, MemoryRevision, MemoryTag))


def test_empty_trash_deletes_only_own_memories(ada: User, bob: User) -> None:
    for person in (ada, bob):
        writes.trash_memory(session(person), remember(person, "one").pk)
    assert writes.empty_trash(session(ada)) == 1
    assert Memory.objects.get().owner == bob


def test_retention_purges_old_trash(ada: User, settings: Any) -> None:
    old, recent, expired, kept = (remember(ada, text) for text in ("old", "recent", "expired", "kept"))
    long_ago = timezone.now() - timedelta(days=settings.TRASH_DAYS, minutes=1)
    writes.trash_memory(session(ada), recent.pk)
    Memory.objects.filter(pk=old.pk).update(deleted_at=long_ago)
    Memory.objects.filter(pk=expired.pk).update(expires_at=long_ago)
    assert retention.run_steps()["memories"] == 2
    assert set(Memory.objects.values_list("pk", flat=True)) == {recent.pk, kept.pk}
    assert AuditEvent.objects.filter(action="memory:purge", memory_ids__contains=[old.pk]).exists()


def test_retention_deletes_unused_tags(ada: User) -> None:
    memory = remember(ada, "one", tags=["used", "unused"])
    writes.update_memory(session(ada), memory.pk, tags=["used"])
    assert retention.run_steps()["tags"] == 1
    assert [tag.name for tag in Tag.objects.all()] == ["used"]


WRITES: list[tuple[str, Callable[[Actor, Memory], Any]]] = [
    ("create", lambda actor, _: writes.create_memory(actor, text="x")),
    ("update", lambda actor, memory: writes.update_memory(actor, memory.pk, text="x")),
    ("visibility", lambda actor, memory: writes.set_visibility(actor, memory.pk, "private")),
    ("restore version", lambda actor, memory: writes.restore_version(actor, memory.pk, 1)),
    ("trash", lambda actor, memory: writes.trash_memory(actor, memory.pk)),
    ("restore", lambda actor, memory: writes.restore_memory(actor, memory.pk)),
    ("retry", lambda actor, memory: writes.retry_indexing(actor, memory.pk)),
    ("delete", lambda actor, memory: writes.delete_memory(actor, memory.pk)),
    ("empty trash", lambda actor, _: writes.empty_trash(actor)),
]


@pytest.mark.parametrize("act", [act for _, act in WRITES], ids=[name for name, _ in WRITES])
def test_read_only_app_cannot_write(ada: User, act: Callable[[Actor, Memory], Any]) -> None:
    memory = remember(ada, "one")
    with pytest.raises(InsufficientScope):
        act(app(ada, scopes.READ), memory)


@pytest.mark.parametrize("act", [act for _, act in WRITES[1:-1]], ids=[name for name, _ in WRITES[1:-1]])
def test_other_user_cannot_write(ada: User, bob: User, act: Callable[[Actor, Memory], Any]) -> None:
    memory = remember(ada, "one", visibility="public")
    User.objects.update(persona_enabled=True)
    with pytest.raises(MemoryNotFound):
        act(session(bob), memory)
    assert Memory.objects.get().version == 1


def test_app_needs_publish_scope_to_publish(ada: User) -> None:
    memory = remember(ada, "one")
    with pytest.raises(InsufficientScope) as error:
        writes.set_visibility(app(ada), memory.pk, "public")
    assert error.value.scope == scopes.PUBLISH
    with pytest.raises(InsufficientScope):
        writes.create_memory(app(ada), text="x", visibility="public")
    assert writes.set_visibility(app(ada, *scopes.DESCRIPTIONS), memory.pk, "public").is_public


def test_audit_records_actions_without_text(ada: User) -> None:
    memory = writes.create_memory(app(ada), text="The canary sings.")
    reads.get_memory(app(ada), memory.pk)
    writes.set_visibility(session(ada), memory.pk, "public")
    lines = AuditEvent.objects.order_by("id").values_list("action", "door", "client_id", "memory_ids")
    assert list(lines) == [
        ("memory:create", "api", "notes", [memory.pk]),
        ("memory:read", "api", "notes", [memory.pk]),
        ("memory:publish", "web", "", [memory.pk]),
    ]


def test_own_reads_are_not_audited(ada: User) -> None:
    memory = remember(ada, "one")
    reads.get_memory(session(ada), memory.pk)
    reads.list_memories(session(ada))
    assert AuditEvent.objects.count() == 1


@pytest.mark.plain(reason="Citus lets one role write in a transaction")
def test_audit_is_append_only(ada: User) -> None:
    remember(ada, "one")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        AuditEvent.objects.update(door="mcp")
    with pytest.raises(ProgrammingError, match="append only"), transaction.atomic(), owning_tables():
        AuditEvent.objects.update(door="mcp")


def test_pages_stay_stable_while_memories_are_added(ada: User) -> None:
    ids = [remember(ada, str(number)).pk for number in range(5)]
    first = reads.list_memories(session(ada), limit=2)
    remember(ada, "late")
    second = reads.list_memories(session(ada), before=first.next, limit=2)
    third = reads.list_memories(session(ada), before=second.next, limit=2)
    assert [row.pk for page in (first, second, third) for row in page.memories] == ids[::-1]
    assert third.next is None


def test_query_count_of_list_is_constant(ada: User, django_assert_num_queries: Any) -> None:
    for _ in range(30):
        remember(ada, "one", tags=["a", "b"])
    for limit in (1, 25):
        with django_assert_num_queries(1):  # memories with their tags
            page = reads.list_memories(session(ada), limit=limit)
            assert all([tag.name for tag in row.tags.all()] for row in page.memories)


def test_absent_memory_is_not_found(ada: User) -> None:
    with pytest.raises(MemoryNotFound):
        reads.get_memory(session(ada), uuid4())


def test_database_rejects_unknown_visibility(ada: User) -> None:
    remember(ada, "one")
    with pytest.raises(IntegrityError), transaction.atomic():
        Memory.objects.update(visibility="friends")


def test_expiry_beyond_year_9999_is_rejected(ada: User) -> None:
    """The year 10000 in UTC: PostgreSQL stores it, but Python cannot read it."""
    far = datetime(9999, 12, 31, 23, tzinfo=dt_timezone(timedelta(hours=-12)))
    with pytest.raises(ValidationError) as error:
        remember(ada, "Something.", expires_at=far)
    assert error.value.error_dict["expires_at"][0].code == "too_far"
