"""`manage.py distribute`: what can be seen of it without a cluster. tests/citus has the rest."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, InternalError, OperationalError, connection, transaction

from accounts.models import User
from core.db import cursors
from core.db import distribution as known_distribution
from core.db.distribution import is_distributed
from core.db.errors import is_database_unavailable
from core.db.prepared import fetch_prepared
from core.db.principal import Principal, acting_as
from memories.models import AuditAction, Memory, MemoryRevision, MemoryTag, MemoryUse, VectorCache
from memories.services import audit, writes
from picard.backups import restore
from picard.database import distribution
from picard.database.distribution import build_plan, find_obstacle, list_owned_models
from picard.observability import doctor
from picard.observability.doctor import State
from tests.database import owning_tables
from tests.factories import app, remember, session

pytestmark = [pytest.mark.django_db, pytest.mark.plain(reason="imitates the catalogue of Citus")]


@pytest.fixture
def catalogue() -> None:
    """The tables of Citus that the plan asks, empty."""
    with owning_tables(), connection.cursor() as cursor:
        cursor.execute("create table pg_dist_partition (logicalrelid regclass)")
        cursor.execute(
            "create table pg_dist_node (nodename text, nodeport int, noderole text default 'primary',"
            " isactive bool default true, metadatasynced bool default true, shouldhaveshards bool default true)"
        )
        cursor.execute("grant select on pg_dist_partition, pg_dist_node to public")


def run_on_one_server(plan: list[str]) -> None:
    """Run what a plain PostgreSQL knows, and note the tables as distributed."""
    with owning_tables(), connection.cursor() as cursor:
        for statement in plan:
            if statement.startswith(("select create_", "alter database")):
                continue
            cursor.execute(statement)
        cursor.execute("set constraints all immediate; set constraints all deferred")
        for table in [*(model._meta.db_table for model in list_owned_models()), distribution.REFERENCE]:
            cursor.execute("insert into pg_dist_partition values (%s::regclass)", [table])


def test_one_server_is_not_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    stay_in_transaction(monkeypatch, "distribute")
    assert not is_distributed()
    with pytest.raises(CommandError, match="no Citus"):
        call_command("distribute")
    with pytest.raises(CommandError, match="no Citus"):
        call_command("distribute", check=True)
    assert doctor.check_distribution() == (State.OK, "none; one database server", "")


def test_every_owned_table_is_distributed_once_and_memories_first(catalogue: None) -> None:
    spread = [each.split("'")[1] for each in build_plan(128) if "create_distributed_table" in each]
    assert spread[0] == "memories_memory"
    assert sorted(spread) == sorted(model._meta.db_table for model in list_owned_models())
    assert VectorCache._meta.db_table not in spread
    assert "shard_count => 128" in next(each for each in build_plan(128) if "memories_memory'" in each)
    assert not any("accounts_user'" in each for each in build_plan(128))


def test_events_that_are_copied_are_not_counted_again(catalogue: None) -> None:
    plan = build_plan(4)
    [copied] = [place for place, each in enumerate(plan) if "table('memories_auditevent'" in each]
    [dropped] = [place for place, each in enumerate(plan) if each.startswith("drop trigger count_uses")]
    [created] = [place for place, each in enumerate(plan) if each.startswith("CREATE TRIGGER count_uses")]
    [counting] = [place for place, each in enumerate(plan) if "function memories_count_uses" in each]
    assert dropped < copied < counting < created


def test_a_second_plan_has_nothing_but_the_setting(catalogue: None) -> None:
    run_on_one_server(build_plan(4))
    [left] = build_plan(4)
    assert "set citus.propagate_set_commands = 'local'" in left


def test_a_new_table_is_distributed_beside_the_others(catalogue: None) -> None:
    run_on_one_server(build_plan(4))
    with owning_tables(), connection.cursor() as cursor:
        cursor.execute("delete from pg_dist_partition where logicalrelid = 'memories_tag'::regclass")
    assert build_plan(4)[0] == (
        "select create_distributed_table('memories_tag', 'owner_id', colocate_with => 'memories_memory')"
    )


def test_rows_still_cascade_with_their_memory(catalogue: None, ada: User) -> None:
    run_on_one_server(build_plan(4))
    memory = remember(ada, "The walrus sleeps.", tags=["sea"])
    writes.update_memory(session(ada), memory.pk, text="The walrus naps.")
    newer = remember(ada, "The walrus wakes.", supersedes=memory.pk)
    memory.delete()
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
    assert not MemoryTag.objects.filter(owner=ada).exists()
    assert not MemoryRevision.objects.filter(owner=ada).exists()
    assert Memory.objects.get(owner=ada, pk=newer.pk).supersedes_id is None


def test_a_key_to_a_row_of_another_owner_is_refused(catalogue: None, ada: User, bob: User) -> None:
    run_on_one_server(build_plan(4))
    memory, other = remember(ada, "The walrus."), remember(bob, "The seal.", tags=["sea"])
    tag = MemoryTag.objects.get(owner=bob, memory=other).tag_id
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
    with pytest.raises(IntegrityError), transaction.atomic():
        MemoryTag.objects.create(memory_id=memory.pk, tag_id=tag, owner=ada)


def test_uses_are_counted_as_before(catalogue: None, ada: User) -> None:
    run_on_one_server(build_plan(4))
    memory = remember(ada, "The walrus sleeps.")
    for _ in range(2):
        audit.record_event(app(ada), AuditAction.MEMORY_UPDATE, owner_id=ada.pk, memory_ids=[memory.pk])
    assert [use.times for use in MemoryUse.objects.filter(owner=ada, memory_id=memory.pk)] == [2]


def test_policies_hold_without_subqueries(catalogue: None, ada: User, bob: User) -> None:
    run_on_one_server(build_plan(4))
    remember(ada, "The walrus sleeps.")
    remember(bob, "The seal sings.")
    with acting_as(Principal(ada.pk)):
        assert {memory.owner_id for memory in Memory.objects.all()} == {ada.pk}
    with acting_as(Principal()):
        assert not Memory.objects.exists()


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([], "no node for shards"),
        ([("one", 5432, True), ("two", 5433, False)], "two:5433 does not know"),
        ([("one", 5432, True)], "max_prepared_transactions"),
    ],
)
def test_clusters_that_are_not_ready_are_refused(
    catalogue: None, monkeypatch: pytest.MonkeyPatch, nodes: list[tuple[Any, ...]], said: str
) -> None:
    monkeypatch.setattr(distribution, "is_distributed", lambda: True)
    with owning_tables(), connection.cursor() as cursor:
        cursor.executemany(
            "insert into pg_dist_node (nodename, nodeport, metadatasynced) values (%s, %s, %s)", nodes
        )
    assert said in find_obstacle()


def test_one_role_for_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "is_distributed", lambda: True)
    monkeypatch.setattr(distribution, "get_user", lambda _role: "picard")
    assert "Set MIGRATE_DATABASE_URL" in find_obstacle()


def test_migrate_says_that_a_new_table_is_not_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.core.management.commands.migrate.Command.handle", lambda *_, **__: None)
    for step in ("_create_roles", "trust_owner", "grant_rights"):
        monkeypatch.setattr(f"picard.management.commands.migrate.{step}", lambda: None)
    monkeypatch.setattr("picard.management.commands.migrate.needs_distribution", lambda: True)
    stay_in_transaction(monkeypatch, "migrate")
    output = StringIO()
    call_command("migrate", stdout=output)
    assert "Run manage.py distribute." in output.getvalue()


def test_a_backup_of_a_cluster_is_restored_without_its_extension() -> None:
    lines = [
        b"CREATE EXTENSION IF NOT EXISTS citus WITH SCHEMA pg_catalog;\n",
        b"CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;\n",
        b"CREATE TABLE public.memories_tag (\n",
        b"CREATE EXTENSION IF NOT EXISTS citus, as a row of a table\n",
    ]
    assert list(restore._drop_unknown_statements(iter(lines))) == lines[1:]


# --- Who acts, on a connection that takes its server for a distributed one ----------------------------


@pytest.fixture
def distributed() -> Iterator[None]:
    connection.ensure_connection()
    known_distribution._known[connection.connection] = known_distribution._Shards(True, False)
    yield
    known_distribution._known.pop(connection.connection, None)


def test_nodes_learn_who_acts_from_statements_of_their_own(
    distributed: None, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    send = cursors._send_alone
    monkeypatch.setattr(cursors, "_send_alone", lambda raw, unsent: _note(sent, send, raw, unsent))
    for person in (ada, bob):
        with acting_as(Principal(person.pk)):
            assert read_owner() == str(person.pk)
            assert fetch_prepared("select current_setting('picard.owner')", []) == [(str(person.pk),)]
    assert sent == [str(ada.pk), str(bob.pk)]


@pytest.mark.django_db(transaction=True)
def test_who_acts_does_not_outlive_a_statement(distributed: None, ada: User, bob: User) -> None:
    for person in (ada, bob):
        with acting_as(Principal(person.pk)):
            assert read_owner() == str(person.pk)
            assert fetch_prepared("select current_setting('picard.owner')", []) == [(str(person.pk),)]
            with transaction.atomic():
                assert [each.pk for each in User.objects.filter(pk=person.pk).iterator(chunk_size=1)] == [
                    person.pk
                ]
                assert read_owner() == str(person.pk)
        assert not read_owner()


def read_owner() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('picard.owner', true)")
        return str(cursor.fetchone()[0] or "")


def _note(sent: list[str], send: Callable[..., None], raw: Any, unsent: cursors.Unsent) -> None:
    send(raw, unsent)
    sent.append(str(unsent.principal.owner))


@pytest.mark.parametrize("message", [
    "failure on connection marked as essential: 127.0.0.1:5433",
    "could not commit transaction for shard 102027 on at least one active node",
    "connection to the remote node picard@127.0.0.1:5433 failed",
])  # fmt: skip
def test_a_lost_node_is_a_database_that_is_unavailable(message: str) -> None:
    with pytest.raises(OperationalError) as raised, connection.wrap_database_errors:
        raise psycopg.InternalError(message)
    assert is_database_unavailable(raised.value)
    with pytest.raises(InternalError), connection.wrap_database_errors:
        raise psycopg.InternalError("something else")


def stay_in_transaction(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Let a command run in the test's transaction, where neither the role changes nor a lock is needed."""
    for name in ("acting_as_system", "migration_lock"):
        monkeypatch.setattr(f"picard.management.commands.{command}.{name}", lambda *_: nullcontext())
