"""A newer memory supersedes an older one: who may link them, and what each actor sees of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import Actor
from accounts.ids import new_id
from accounts.models import User
from core.db.locks import OwnerLock
from memories import scopes
from memories.errors import ApprovalRequired, VersionConflict
from memories.jobs import retention
from memories.migrations._owned_constraints import ConstrainOwnedKey
from memories.models import AuditEvent, Memory, MemoryRevision, MemoryTag, MemoryVector, Proposal, Tag
from memories.search import near_duplicates
from memories.services import bulk, chains, reads, supersession, writes
from tests.database import owning_tables
from tests.factories import accept_all, app, remember, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def older(ada: User) -> Memory:
    return remember(ada, "I live in Berlin.")


@pytest.fixture
def newer(ada: User, older: Memory) -> Memory:
    return remember(ada, "I moved to Hamburg.", supersedes=older.pk)


def get_successor(actor: Actor, memory: Memory) -> UUID | None:
    found = reads.get_memory(actor, memory.pk).superseded_by
    return found.id if found else None


def get_superseded(actor: Actor, memory: Memory) -> UUID | None:
    found = reads.get_memory(actor, memory.pk).superseded
    return found.id if found else None


def get_code(error: pytest.ExceptionInfo[ValidationError]) -> str | None:
    [problem] = error.value.error_dict["supersedes"]
    return problem.code


def limit(user: User, tag: str, *app_scopes: str) -> Actor:
    only = frozenset(each.pk for each in Tag.objects.filter(owner=user) if each.name == tag)
    return app(user, *app_scopes, only_tags=only)


# --- Linking ------------------------------------------------------------------------------------------


def test_a_new_memory_can_supersede_an_older_one(ada: User, older: Memory, newer: Memory) -> None:
    shown = reads.get_memory(session(ada), older.pk).superseded_by
    assert shown is not None
    assert (shown.id, shown.created_at) == (newer.pk, newer.created_at)
    assert get_superseded(session(ada), newer) == older.pk
    assert newer.superseded is not None


def test_a_link_is_a_change_with_a_version_and_an_audit_event(ada: User, older: Memory) -> None:
    newer = remember(ada, "I moved to Hamburg.")
    linked = writes.update_memory(session(ada), newer.pk, expected_version=1, supersedes=older.pk)
    assert (linked.version, linked.superseded and linked.superseded.id) == (2, older.pk)
    assert reads.get_memory(session(ada), older.pk).version == 1
    assert [event.memory_ids for event in AuditEvent.objects.filter(action="memory:update")] == [[newer.pk]]
    assert not MemoryRevision.objects.exists()
    with pytest.raises(VersionConflict):
        writes.update_memory(session(ada), newer.pk, expected_version=1, supersedes=None)


def test_linking_again_changes_nothing(ada: User, older: Memory, newer: Memory) -> None:
    assert writes.update_memory(session(ada), newer.pk, supersedes=older.pk).version == 1


def test_a_removed_link_leaves_both_current(ada: User, older: Memory, newer: Memory) -> None:
    unlinked = writes.update_memory(session(ada), newer.pk, supersedes=None)
    assert (unlinked.version, unlinked.superseded) == (2, None)
    assert get_successor(session(ada), older) is None


def test_other_changes_keep_the_link(ada: User, older: Memory, newer: Memory) -> None:
    writes.update_memory(session(ada), newer.pk, text="I moved to Kiel.", tags=["home"])
    writes.restore_version(session(ada), newer.pk, 1)
    assert get_successor(session(ada), older) == newer.pk


def test_an_older_memory_has_one_newer_one(ada: User, older: Memory, newer: Memory) -> None:
    with pytest.raises(ValidationError) as error:
        remember(ada, "I moved to Kiel.", supersedes=older.pk)
    assert get_code(error) == "superseded"
    with pytest.raises(IntegrityError), transaction.atomic():
        Memory.objects.filter(pk=remember(ada, "Third.").pk).update(supersedes=older.pk)


def test_links_never_form_a_circle(ada: User, older: Memory, newer: Memory) -> None:
    newest = remember(ada, "I moved to Kiel.", supersedes=newer.pk)
    for memory, superseded in ((older, newest), (older, newer), (older, older)):
        with pytest.raises(ValidationError) as error:
            writes.update_memory(session(ada), memory.pk, supersedes=superseded.pk)
        assert get_code(error) == "circle"


def test_new_memories_can_supersede_each_other(ada: User) -> None:
    ids = [new_id() for _ in range(3)]
    rows = [("Berlin", None), ("Hamburg", ids[0]), ("Kiel", ids[1])]
    items = [writes.NewMemory(text, id=pk, supersedes=to) for pk, (text, to) in zip(ids, rows, strict=True)]
    writes.create_memories(session(ada), items[::-1])
    found = [get_successor(session(ada), Memory.objects.get(pk=pk)) for pk in ids]
    assert found == [ids[1], ids[2], None]


@pytest.mark.parametrize(
    ("links", "code"), [(((0, 1), (1, 0)), "circle"), (((0, 2), (1, 2)), "superseded"), (((0, 0),), "circle")]
)
def test_impossible_links_of_new_memories_save_nothing(
    ada: User, links: tuple[tuple[int, int], ...], code: str
) -> None:
    ids, to = [new_id() for _ in range(3)], dict(links)
    items = [
        writes.NewMemory(f"memory {n}", id=pk, supersedes=ids[to[n]] if n in to else None)
        for n, pk in enumerate(ids)
    ]
    with pytest.raises(ValidationError) as error:
        writes.create_memories(session(ada), items)
    assert get_code(error) == code
    assert not Memory.objects.exists()


def make_chain(user: User, length: int) -> list[UUID]:
    """Save a chain without the checks of the services, the oldest memory first."""
    ids = [remember(user, f"Flat {number}.").pk for number in range(length)]
    for newer_id, older_id in zip(ids[1:], ids, strict=False):
        Memory.objects.filter(owner=user, pk=newer_id).update(supersedes_id=older_id)
    return ids


def test_a_chain_has_a_greatest_length(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supersession, "MAX_CHAIN", 5)
    first, second = make_chain(ada, 3), make_chain(ada, 3)
    hidden = remember(ada, "Hidden.", supersedes=first[-1])
    with pytest.raises(ValidationError) as error:
        writes.update_memory(session(ada), second[0], supersedes=hidden.pk)
    assert get_code(error) == "too_long"
    writes.update_memory(session(ada), second[2], supersedes=hidden.pk)
    with pytest.raises(ValidationError) as error:
        remember(ada, "Sixth.", supersedes=second[2])
    assert get_code(error) == "too_long"


def test_what_an_app_does_not_see_counts_for_the_length(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supersession, "MAX_CHAIN", 4)
    hidden = make_chain(ada, 2)
    newer = remember(ada, "Newer.", tags=["work"], supersedes=hidden[-1])
    older = remember(ada, "Older.", tags=["work"])
    remember(ada, "Hidden above.", supersedes=older.pk)
    with pytest.raises(ValidationError) as error:
        writes.update_memory(limit(ada, "work"), newer.pk, supersedes=older.pk)
    assert get_code(error) == "too_long"
    assert get_superseded(session(ada), newer) == hidden[-1]


def test_new_memories_form_no_chain_beyond_the_limit(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supersession, "MAX_CHAIN", 3)
    ids = [new_id() for _ in range(4)]
    for older_ids in ([None, *ids[:3]], [remember(ada, "Stored.").pk, *ids[:2]]):
        items = [
            writes.NewMemory(f"Flat {pk}.", id=pk, supersedes=older_id)
            for pk, older_id in zip(ids, older_ids, strict=False)
        ]
        with pytest.raises(ValidationError) as error:
            writes.create_memories(session(ada), items)
        assert get_code(error) == "too_long"


def test_a_longer_chain_is_read_in_part_and_grows_no_further(ada: User) -> None:
    ids = make_chain(ada, 230)
    for start in (ids[0], ids[115], ids[-1]):
        assert len(chains.load_chains(session(ada), ada, [start], [start]).older) <= 2 * chains.MAX_CHAIN + 1
    other = remember(ada, "Other.")
    for newer_id, older_id in ((other.pk, ids[-1]), (ids[0], other.pk), (ids[0], ids[-1])):
        with pytest.raises(ValidationError) as error:
            writes.update_memory(session(ada), newer_id, supersedes=older_id)
        assert get_code(error) == "too_long"
    writes.update_memory(session(ada), ids[115], supersedes=None)


def test_a_merge_makes_no_chain_too_long(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supersession, "MAX_CHAIN", 4)
    into, merged = make_chain(ada, 3), make_chain(ada, 3)
    near_duplicates.merge_memories(session(ada), into[2], merged[0])
    assert Memory.objects.get(pk=merged[1]).supersedes_id == merged[0]


# --- Rights -------------------------------------------------------------------------------------------


def test_only_memories_that_the_actor_sees_can_be_superseded(ada: User, bob: User) -> None:
    theirs = remember(bob, "Bob's.", visibility="public")
    trashed, hidden = remember(ada, "Trashed."), remember(ada, "Not tagged.")
    writes.trash_memory(session(ada), trashed.pk)
    remember(ada, "Tagged.", tags=["work"])
    for actor, older_id in (
        (session(ada), theirs.pk),
        (session(ada), trashed.pk),
        (session(ada), new_id()),
        (app(ada, scopes.WRITE), hidden.pk),
        (limit(ada, "work"), hidden.pk),
    ):
        with pytest.raises(ValidationError) as error:
            writes.create_memory(actor, text="Newer.", supersedes=older_id)
        assert get_code(error) == "not_found"
    assert not Memory.objects.filter(supersedes__isnull=False).exists()


def test_an_app_that_needs_approval_proposes_the_link(ada: User, older: Memory) -> None:
    asking = app(ada, asks_first=True)
    other = remember(ada, "I work in Hamburg.")
    with pytest.raises(ApprovalRequired):
        writes.create_memory(asking, text="I moved to Hamburg.", supersedes=older.pk)
    with pytest.raises(ApprovalRequired):
        writes.update_memory(asking, other.pk, supersedes=older.pk)
    assert [json.loads(each.content)["supersedes"] for each in Proposal.objects.all()] == [str(older.pk)] * 2
    assert get_successor(session(ada), older) is None
    accept_all(ada)
    first = get_successor(session(ada), older)
    assert first is not None
    # The second one supersedes what superseded the first meanwhile.
    assert get_superseded(session(ada), other) == first


def test_a_proposal_survives_what_it_would_supersede(ada: User, older: Memory) -> None:
    with pytest.raises(ApprovalRequired):
        writes.create_memory(app(ada, asks_first=True), text="I moved to Hamburg.", supersedes=older.pk)
    writes.trash_memory(session(ada), older.pk)
    [accepted] = accept_all(ada).memories
    assert accepted.superseded is None


def test_an_app_that_needs_approval_cannot_propose_a_link_to_what_it_does_not_see(ada: User) -> None:
    hidden = remember(ada, "Not tagged.")
    with pytest.raises(ValidationError):
        writes.create_memory(app(ada, scopes.WRITE, asks_first=True), text="Newer.", supersedes=hidden.pk)
    assert not Proposal.objects.exists()


# --- What others see ----------------------------------------------------------------------------------


def test_a_private_newer_memory_does_not_change_the_public_older_one_for_others(ada: User, bob: User) -> None:
    ada.persona_enabled = True
    ada.save()
    older = remember(ada, "I live in Berlin.", visibility="public")
    newer = remember(ada, "I moved to Hamburg.", supersedes=older.pk)
    [theirs] = Memory.objects.visible_to(session(bob), owner=ada)
    supersession.attach_links(session(bob), [theirs], owner=ada)
    assert theirs.superseded_by is None
    writes.update_memory(session(ada), newer.pk, visibility="public")
    supersession.attach_links(session(bob), [theirs], owner=ada)
    assert theirs.superseded_by is not None


def test_a_limited_app_sees_only_links_between_what_it_sees(ada: User) -> None:
    older = remember(ada, "I live in Berlin.", tags=["work"])
    middle = remember(ada, "I moved to Hamburg.", supersedes=older.pk)
    limited = limit(ada, "work")
    assert get_successor(limited, older) is None
    newest = remember(ada, "I moved to Kiel.", tags=["work"], supersedes=middle.pk)
    assert get_successor(limited, older) == newest.pk
    assert get_superseded(limited, newest) == older.pk
    assert get_successor(session(ada), older) == middle.pk


def test_a_link_by_a_limited_app_keeps_a_hidden_newer_memory_current(ada: User) -> None:
    older = remember(ada, "I live in Berlin.", tags=["work"])
    hidden = remember(ada, "I moved to Hamburg.", supersedes=older.pk)
    added = writes.create_memory(limit(ada, "work"), text="I moved to Kiel.", supersedes=older.pk)
    assert [get_successor(session(ada), each) for each in (older, added, hidden)] == [
        added.pk,
        hidden.pk,
        None,
    ]
    again = writes.update_memory(limit(ada, "work"), added.pk, supersedes=older.pk)
    assert again.version == 1


def find_stored(memory: Memory) -> UUID | None:
    found: UUID | None = Memory.objects.get(pk=memory.pk).supersedes_id
    return found


@pytest.mark.parametrize("asks_first", [False, True])
def test_a_limited_app_cannot_remove_or_find_a_link_that_it_does_not_see(ada: User, asks_first: bool) -> None:
    hidden = remember(ada, "I live in Berlin.", tags=["private"])
    linked = remember(ada, "I moved to Hamburg.", tags=["work"], supersedes=hidden.pk)
    alone = remember(ada, "I work in Kiel.", tags=["work"])
    limited = replace(limit(ada, "work"), asks_first=asks_first)
    for memory in (linked, alone):
        assert writes.update_memory(limited, memory.pk, text=memory.text, supersedes=None).version == 1
    assert get_superseded(session(ada), linked) == hidden.pk
    assert not Proposal.objects.exists()


def test_a_link_to_a_trashed_memory_stays_when_null_is_sent_back(
    ada: User, older: Memory, newer: Memory
) -> None:
    writes.trash_memory(session(ada), older.pk)
    assert writes.update_memory(session(ada), newer.pk, supersedes=None).version == 1
    assert writes.restore_memory(session(ada), older.pk).superseded_by is not None


def test_a_link_by_a_limited_app_keeps_what_it_does_not_see_superseded(ada: User) -> None:
    first = remember(ada, "I live in Berlin.", tags=["private"])
    hidden = remember(ada, "I live in Bonn.", supersedes=first.pk)
    newer = remember(ada, "I moved to Hamburg.", tags=["work"], supersedes=hidden.pk)
    oldest = remember(ada, "I live in Aachen.", tags=["work"])
    older = remember(ada, "I live in Essen.", tags=["work"], supersedes=oldest.pk)
    limited = limit(ada, "work")
    assert writes.update_memory(limited, newer.pk, supersedes=older.pk).version == 2
    chain = [find_stored(each) for each in (newer, older, oldest, hidden, first)]
    assert chain == [older.pk, oldest.pk, hidden.pk, first.pk, None]
    assert get_superseded(limited, oldest) is None
    assert reads.get_memory(limited, oldest.pk).version == 1
    assert writes.update_memory(limited, oldest.pk, supersedes=None).version == 1


def test_a_link_that_a_limited_app_sets_and_removes_leaves_the_older_memory_superseded(ada: User) -> None:
    older = remember(ada, "I live in Berlin.", tags=["work"])
    hidden = remember(ada, "I moved to Hamburg.", supersedes=older.pk)
    other, further = (remember(ada, text, tags=["work"]) for text in ("I work.", "I worked."))
    limited = limit(ada, "work")
    writes.update_memory(limited, other.pk, supersedes=older.pk)
    assert [find_stored(each) for each in (hidden, other)] == [other.pk, older.pk]
    writes.update_memory(limited, other.pk, supersedes=None)
    assert [find_stored(each) for each in (hidden, other)] == [older.pk, None]
    writes.update_memory(limited, other.pk, supersedes=older.pk)
    writes.update_memory(limited, other.pk, supersedes=further.pk)
    assert [find_stored(each) for each in (hidden, other)] == [older.pk, further.pk]


def test_a_removed_link_keeps_what_the_app_sees_above_it(ada: User, older: Memory, newer: Memory) -> None:
    for memory in (older, newer):
        writes.update_memory(session(ada), memory.pk, tags=["work"])
    newest = remember(ada, "I moved to Kiel.", tags=["work"], supersedes=newer.pk)
    writes.update_memory(limit(ada, "work"), newer.pk, supersedes=None)
    assert [find_stored(each) for each in (newest, newer)] == [newer.pk, None]


# --- Trash, expiry and deletion -----------------------------------------------------------------------


def test_a_trashed_newer_memory_supersedes_nothing_until_it_is_restored(
    ada: User, older: Memory, newer: Memory
) -> None:
    writes.trash_memory(session(ada), newer.pk)
    assert get_successor(session(ada), older) is None
    writes.restore_memory(session(ada), newer.pk)
    assert get_successor(session(ada), older) == newer.pk


def test_an_expired_newer_memory_supersedes_nothing(ada: User, older: Memory, newer: Memory) -> None:
    Memory.objects.filter(pk=newer.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert get_successor(session(ada), older) is None


def test_a_trashed_older_memory_is_not_shown_and_comes_back_superseded(
    ada: User, older: Memory, newer: Memory
) -> None:
    writes.trash_memory(session(ada), older.pk)
    assert get_superseded(session(ada), newer) is None
    restored = writes.restore_memory(session(ada), older.pk)
    assert restored.superseded_by is not None


def test_a_trashed_newer_memory_gives_way_to_another(ada: User, older: Memory, newer: Memory) -> None:
    writes.trash_memory(session(ada), newer.pk)
    other = remember(ada, "I moved to Kiel.", supersedes=older.pk)
    restored = writes.restore_memory(session(ada), newer.pk)
    assert (get_successor(session(ada), older), restored.superseded) == (other.pk, None)


def delete_one(ada: User, memory: Memory) -> None:
    writes.trash_memory(session(ada), memory.pk)
    writes.delete_memory(session(ada), memory.pk)


def empty_trash(ada: User, memory: Memory) -> None:
    bulk.trash_queryset(session(ada), Memory.objects.filter(pk=memory.pk))
    writes.empty_trash(session(ada))


def purge(ada: User, memory: Memory) -> None:
    long_ago = timezone.now() - timedelta(days=400)
    Memory.objects.filter(pk=memory.pk).update(deleted_at=long_ago)
    retention.purge_memories()


@pytest.mark.parametrize("delete", [delete_one, empty_trash, purge])
@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_chain_survives_the_deletion_of_each_memory(ada: User, delete: object, gone: int) -> None:
    chain = [remember(ada, "I live in Berlin.")]
    for city in ("Hamburg", "Kiel"):
        chain.append(remember(ada, f"I moved to {city}.", supersedes=chain[-1].pk))
    deleted = chain.pop(gone)
    delete(ada, deleted)  # type: ignore[operator]
    assert not Memory.objects.filter(pk=deleted.pk).exists()
    assert get_successor(session(ada), chain[0]) == chain[1].pk
    assert get_successor(session(ada), chain[1]) is None


def test_deletion_leaves_nothing_that_points_to_a_memory(ada: User, older: Memory) -> None:
    newer = remember(ada, "I moved to Hamburg.", tags=["home"], supersedes=older.pk)
    writes.update_memory(session(ada), newer.pk, text="I moved to Kiel.")
    delete_one(ada, newer)
    for model in (MemoryVector, MemoryRevision, MemoryTag):
        assert not model._default_manager.filter(memory_id=newer.pk).exists()
    delete_one(ada, older)
    assert not MemoryVector.objects.exists()


def test_a_merged_memory_takes_over_the_links(ada: User, older: Memory) -> None:
    kept = remember(ada, "Hamburg is where I live.")
    newer = remember(ada, "I live in Hamburg.", supersedes=older.pk)
    newest = remember(ada, "I moved to Kiel.", supersedes=newer.pk)
    merged = near_duplicates.merge_memories(session(ada), kept.pk, newer.pk)
    assert merged.pk == kept.pk
    assert get_successor(session(ada), older) == kept.pk
    assert get_successor(session(ada), kept) == newest.pk


def test_a_memory_merged_into_what_it_superseded_is_current(ada: User, older: Memory, newer: Memory) -> None:
    merged = near_duplicates.merge_memories(session(ada), older.pk, newer.pk)
    assert (merged.pk, merged.text, merged.superseded_by) == (older.pk, newer.text, None)


@pytest.mark.django_db(transaction=True)
def test_concurrent_links_form_no_circle(ada: User) -> None:
    one, other = remember(ada, "I live in Berlin."), remember(ada, "I live in Hamburg.")

    def link(newer: Memory, older: Memory) -> bool:
        try:
            writes.update_memory(session(ada), newer.pk, supersedes=older.pk)
        except ValidationError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(link, (one, other), (other, one)))
    assert sorted(results) == [False, True]


def find_locks(queries: CaptureQueriesContext) -> list[str]:
    """Return what the statements lock, in order: the name of an owner's lock, or rows."""
    found = [each["sql"] for each in queries.captured_queries]
    return [
        next((lock.name for lock in OwnerLock if f"'{lock} '" in sql), "rows")
        for sql in found
        if "advisory" in sql or "FOR UPDATE" in sql or sql.startswith("UPDATE")
    ]


def test_operations_with_a_link_lock_the_links_first(ada: User, older: Memory, newer: Memory) -> None:
    other = remember(ada, "I work in Kiel.")
    for operation in (
        bulk.UpdateOperation(newer.pk, {"supersedes": None}),
        bulk.CreateOperation({"text": "I moved to Kiel.", "tags": ["home"], "supersedes": older.pk}),
    ):
        with CaptureQueriesContext(connection) as queries:
            outcomes = bulk.apply_operations(
                session(ada), [bulk.UpdateOperation(other.pk, {"tags": ["work"]}), operation]
            )
        assert [type(each) for each in outcomes] == [Memory, Memory]
        assert find_locks(queries)[0] == "LINKS"


def test_a_new_memory_with_a_link_locks_the_links_first(ada: User, older: Memory) -> None:
    with CaptureQueriesContext(connection) as queries:
        remember(ada, "I moved to Hamburg.", tags=["home"], supersedes=older.pk)
    assert find_locks(queries)[0] == "LINKS"


@pytest.mark.parametrize("delete", [writes.delete_memory, lambda actor, _pk: writes.empty_trash(actor)])
def test_deletion_locks_the_links_first(ada: User, older: Memory, delete: object) -> None:
    writes.trash_memory(session(ada), older.pk)
    with CaptureQueriesContext(connection) as queries:
        delete(session(ada), older.pk)  # type: ignore[operator]
    assert find_locks(queries)[0] == "LINKS"
    assert not Memory.objects.exists()


def test_purge_skips_an_owner_whose_links_are_locked(
    ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (ada, bob):
        Memory.objects.filter(pk=remember(user, "Old.").pk).update(
            deleted_at=timezone.now() - timedelta(days=400)
        )
    monkeypatch.setattr(retention, "try_lock_owner", lambda _lock, owner: owner != ada.pk)
    assert retention.purge_memories() == 1
    assert [memory.owner_id for memory in Memory.objects.all()] == [ada.pk]


# --- Cost and migration -------------------------------------------------------------------------------


def test_memories_without_links_cost_no_statement(ada: User, django_assert_num_queries: object) -> None:
    remember(ada, "I live in Berlin."), remember(ada, "I like tea.")
    with django_assert_num_queries(1):  # type: ignore[operator]
        reads.list_memories(session(ada))
    remember(ada, "I moved to Hamburg.", supersedes=Memory.objects.order_by("pk")[0].pk)
    with django_assert_num_queries(2):  # type: ignore[operator]
        reads.list_memories(session(ada))


@pytest.mark.plain(reason="acts as the owner in the test's transaction")
def test_the_constraint_can_be_made_again_and_removed(ada: User, older: Memory, newer: Memory) -> None:
    from django.db.migrations.state import ProjectState

    state = ProjectState.from_apps(Memory._meta.apps)
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")  # no pending events
    constrain = ConstrainOwnedKey("memory", "supersedes", "set null")
    with owning_tables(), connection.schema_editor(atomic=False) as editor:
        for _ in range(2):
            constrain.database_forwards("memories", editor, state, state)
        Memory.objects.filter(pk=older.pk).delete()
        newer.refresh_from_db()
        assert newer.supersedes_id is None
        constrain.database_backwards("memories", editor, state, state)
        with connection.cursor() as cursor:
            cursor.execute(
                "select 1 from pg_constraint where conname = 'memories_memory_supersedes_id_owned'"
            )
            assert cursor.fetchall() == []
        constrain.database_forwards("memories", editor, state, state)
