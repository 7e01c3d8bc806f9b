"""Which owners' passages a process keeps in memory, for how long, and what makes it drop them."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import Settings

from accounts.actor import Actor
from accounts.deletion.service import close_account
from accounts.models import User
from accounts.sessions.revocation import end_sessions
from core.db.principal import NOBODY, Principal, acting_as
from core.db.roles import Role
from memories import scopes
from memories.jobs import indexer
from memories.models import Memory, VectorCache, VectorChange
from memories.models.compiled import forget_shapes
from memories.models.visibility import Filters, VisibleQuerySet
from memories.search.cache import registration, store
from memories.search.cache.ranking import CachedRows
from memories.search.query import find_memories
from memories.search.ranking_query import VisibleRows
from memories.search.visible_words import VisibleWords
from memories.services import writes
from tests.factories import app, make_person, remember, session
from tests.memories.search.cache.conftest import IS_EFFECTIVE
from tests.processes import database_url, wait_until

TRASH_PRIVATE = "update memories_memoryvector set is_trashed = true where owner_id = %s and not is_public"
pytestmark = [
    pytest.mark.usefixtures("shared_db", "caching"),
    pytest.mark.plain(reason="vectors in memory are not used on a cluster"),
]


@pytest.fixture
def ada(shared_db: None) -> User:
    """A user with a few memories, of which one is public."""
    person = make_person("ada")
    remember(person, "The walrus sleeps on the ice.", tags=["sea"])
    remember(person, "The door code is 4711.", visibility="public")
    while indexer.process_batch(worker=0):
        pass
    return person


def search(actor: Actor, query: str = "walrus", **options: Any) -> list[str]:
    return [hit.memory.text for hit in find_memories(actor, query, only_related=True, **options).hits]


def load(person: User) -> None:
    """Search until the person's passages are in memory."""
    for _ in range(2):
        search(session(person))
    assert store.measure_size()


@contextmanager
def another_connection() -> Iterator["psycopg.Connection[Any]"]:
    with closing(psycopg.connect(database_url(Role.OWNER))) as raw:
        raw.execute("set local picard.system = 'on'")
        yield raw


# --- What is kept ---------------------------------------------------------------------------------------


def test_an_owner_is_kept_from_the_third_search_of_many_passages_on(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MIN_SEARCHES", 3)
    found = [(search(session(ada)), store.measure_size() > 0) for _ in range(5)]
    assert [is_kept for _, is_kept in found] == [False, False, False, True, True]
    assert all(texts == ["The walrus sleeps on the ice."] for texts, _ in found)


def test_few_passages_are_not_kept(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MIN_ROWS", 2)
    for _ in range(4):
        search(session(ada))
    assert not VectorCache.objects.exists()


@pytest.mark.parametrize(
    ("make_actor", "options"),
    [
        (session, {"filters": Filters(visibility="public")}),
        (lambda ada: app(ada, only_tags=frozenset()), {}),
        (lambda _: app(make_person("bob"), scopes.PERSONA), {"of_ada": True}),
    ],
)
def test_only_all_of_an_owners_own_passages_are_kept(
    ada: User, make_actor: Callable[[User], Actor], options: dict[str, Any]
) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True)
    if options.pop("of_ada", False):
        options["owner"] = User.objects.get(pk=ada.pk)
    actor = make_actor(ada)
    for _ in range(3):
        search(actor, **options)
    assert not VectorCache.objects.exists()


def test_nothing_is_kept_without_a_budget_or_within_a_transaction(ada: User, settings: Settings) -> None:
    with transaction.atomic():
        for _ in range(3):
            search(session(ada))
    settings.MEMORY_VECTORS_MB = 0
    for _ in range(3):
        search(session(ada))
    assert not VectorCache.objects.exists()


def test_what_exceeds_the_budget_is_dropped_and_those_searched_longest_ago_first(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = make_person("bob")
    remember(bob, "The walrus swims.")
    load(ada)
    of_ada = store.measure_size()
    monkeypatch.setattr(type(settings), "MEMORY_VECTORS_MB", of_ada / 1_000_000, raising=False)
    settings.MEMORY_VECTORS_MB = of_ada / 1_000_000
    load(bob)
    assert list(VectorCache.objects.values_list("owner_id", flat=True)) == [bob.pk]
    settings.MEMORY_VECTORS_MB = 1 / 1_000_000
    store.clear()
    for _ in range(3):
        assert search(session(bob)) == ["The walrus swims."]
    assert store.measure_size() == 0


def test_what_nobody_searches_is_dropped_even_if_nobody_searches_at_all(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(ada)
    monkeypatch.setattr(store, "IDLE_S", 0.0)
    monkeypatch.setattr(store, "SWEEP_S", 0.01)
    store._sweep()
    assert store.measure_size() == 0
    assert store._sweeper is None


def test_a_forked_process_has_nothing_in_memory(ada: User) -> None:
    load(ada)
    if (child := os.fork()) == 0:
        os._exit(0 if store.measure_size() == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.measure_size()


# --- What makes it drop them ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [end_sessions, lambda person: close_account(session(person))])
def test_logging_out_everywhere_and_closing_the_account_drop_the_owner(
    ada: User, end: Callable[[User], object]
) -> None:
    load(ada)
    end(ada)
    assert store.measure_size() == 0
    assert not VectorCache.objects.exists()


def test_other_processes_drop_the_owner_when_they_look_next(ada: User) -> None:
    load(ada)
    registration.end_caches(ada.pk)
    assert search(session(ada)) == ["The walrus sleeps on the ice."]
    assert store.measure_size() == 0


def test_a_crash_of_the_database_drops_everything() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname, relpersistence::text from pg_class where relname like 'memories_vectorc%%'"
        )
        kinds = {name: kind for name, kind in cursor.fetchall() if not name.endswith("idx")}
    assert {kinds["memories_vectorcache"], kinds["memories_vectorchange"]} == {"u"}


def test_on_a_read_only_server_nothing_is_kept(ada: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set default_transaction_read_only = on")
        for _ in range(3):
            assert search(session(ada)) == ["The walrus sleeps on the ice."]
        cursor.execute("set default_transaction_read_only = off")
    assert store.measure_size() == 0
    assert not VectorCache.objects.exists()


# --- Changes ------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_before_older_transactions_have_ended(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have looked for registrations before this one, so what they change is not recorded."""
    monkeypatch.setattr(registration.Registration, "is_effective", IS_EFFECTIVE)
    with another_connection() as older:
        older.execute(TRASH_PRIVATE, [ada.pk])
        for _ in range(3):
            assert search(session(ada)) == ["The walrus sleeps on the ice."]
        assert VectorCache.objects.exists()
        assert store.measure_size() == 0
        older.commit()
    wait_until(lambda: search(session(ada)) == [] and store.measure_size() > 0)


def test_a_change_is_seen_whichever_transaction_ends_first(ada: User) -> None:
    load(ada)
    with another_connection() as older:
        older.execute(TRASH_PRIVATE, [ada.pk])
        remember(ada, "A second walrus.")
        assert len(search(session(ada))) == 2
        older.commit()
    assert search(session(ada)) == ["A second walrus."]


def test_a_transaction_with_one_snapshot_is_seen_too(ada: User) -> None:
    with another_connection() as older:
        older.rollback()
        older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        older.execute("set local picard.system = 'on'")
        older.execute("select count(*) from memories_vectorcache")  # its snapshot: before the registration
        load(ada)
        older.execute(TRASH_PRIVATE, [ada.pk])
        older.commit()
    assert search(session(ada)) == []


def test_a_deletion_that_cascades_when_somebody_else_acts_is_recorded(ada: User) -> None:
    load(ada)
    with transaction.atomic():
        Memory.objects.filter(owner=ada, visibility="private").delete()
        with acting_as(NOBODY), connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
    assert VectorChange.objects.filter(owner=ada).exists()
    assert search(session(ada)) == []


def test_who_acts_stays_the_same_after_a_change(ada: User) -> None:
    load(ada)
    with acting_as(Principal(ada.pk)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "update memories_memoryvector set is_trashed = is_trashed where owner_id = %s", [ada.pk]
        )
        cursor.execute("select current_setting('picard.system', true), current_setting('picard.owner')")
        assert cursor.fetchone() == ("", str(ada.pk))


def test_many_changes_in_a_row_leave_the_answers_of_the_index(ada: User, settings: Settings) -> None:
    memories = [remember(ada, f"The walrus {number} sleeps.") for number in range(18)]
    load(ada)
    for number, memory in enumerate(memories):
        writes.update_memory(session(ada), memory.pk, text=f"The seal {number} swims.")
        found = [search(session(ada), query) for query in ("walrus", "seal 3")]
        settings.MEMORY_VECTORS_MB = 0
        assert found == [search(session(ada), query) for query in ("walrus", "seal 3")]
        settings.MEMORY_VECTORS_MB = 100
    assert store.measure_size()


def test_changes_are_purged_when_every_process_has_seen_them(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(ada)
    remember(ada, "A second walrus.")
    registration.purge_caches()
    assert VectorChange.objects.count() == 1
    assert len(search(session(ada))) == 2
    monkeypatch.setattr(store, "TOUCH_S", 0.0)

    def are_purged() -> bool:
        search(session(ada))
        registration.purge_caches()
        return not VectorChange.objects.exists()

    wait_until(are_purged)  # older transactions of other tests may still run
    with connection.cursor() as cursor:
        cursor.execute("update memories_vectorcache set used_at = used_at - interval '31 minutes'")
    registration.purge_caches()
    assert not VectorCache.objects.exists()


# --- Rights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "delete from memories_vectorchange",
        "insert into memories_vectorchange (owner_id, transaction, memory_id) select id, 1, id from accounts_user",
        "drop trigger record_update on memories_memoryvector",
    ],
)
def test_the_web_role_cannot_hide_a_change(statement: str) -> None:
    with (
        closing(psycopg.connect(database_url(Role.WEB), autocommit=True)) as raw,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        raw.execute(statement)


def test_a_forgotten_filter_shows_nothing_from_memory(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(make_person("bob"), "Bob keeps a walrus.")
    monkeypatch.setattr(VisibleQuerySet, "visible_to", lambda rows, *_, **__: rows.all())
    forget_shapes()
    with acting_as(Principal(ada.pk)):
        load(ada)
        assert search(session(ada)) == ["The walrus sleeps on the ice."]
        monkeypatch.undo()


# --- Words ----------------------------------------------------------------------------------------------------


def test_words_in_memory_are_those_of_the_index(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    load(ada)
    rows = VisibleRows.for_actor(session(ada), ada)
    entry = next(iter(store._entries.values()))
    for change in (
        lambda: None,
        lambda: remember(ada, "Seals swim."),
        lambda: writes.empty_trash(session(ada)),
    ):
        change()
        for words in (
            ["walru"],
            ["door", "nothing", "sea", "swim"],
            [f"w{number}" for number in range(9)] + ["ice"],
        ):
            plain = VisibleWords(rows, ada.pk, True).find_present(words)
            assert VisibleWords(rows, ada.pk, True, CachedRows(entry)).find_present(words) == plain
