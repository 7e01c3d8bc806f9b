"""The real schema on a cluster: PICARD_CITUS_URL. Elsewhere all of this is skipped, and pytest's header says so."""

from collections.abc import Callable
from io import StringIO
from typing import Any, cast

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from core.db.principal import NOBODY, Principal, acting_as
from core.db.roles import Role
from memories.models import AuditAction, Memory, MemoryTag, MemoryUse, MemoryVector, Tag
from memories.search import query as search
from memories.services import audit, reads, writes
from picard.database.distribution import list_owned_models
from picard.observability import doctor
from picard.observability.doctor import State
from picard.postgres.manager import ROLES
from tests.citus import cluster
from tests.factories import app, remember, session

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not cluster.URL, reason="PICARD_CITUS_URL is not set"),
]


def fetch(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def test_every_owned_table_is_distributed_with_memories() -> None:
    spread = fetch("select logicalrelid::text, colocationid from pg_dist_partition where partmethod = 'h'")
    assert {table for table, _ in spread} == {model._meta.db_table for model in list_owned_models()}
    assert len({group for _, group in spread}) == 1


@pytest.mark.django_db(transaction=True)
def test_distributing_again_does_nothing() -> None:
    output = StringIO()
    call_command("distribute", stdout=output)
    assert output.getvalue() == "Nothing to distribute.\n"
    with pytest.raises(SystemExit) as ended:
        call_command("distribute", check=True, stdout=output)
    assert ended.value.code == 0


@pytest.mark.django_db(transaction=True)
def test_the_doctor_knows_the_nodes() -> None:
    state, said, _ = doctor.check_distribution()
    assert (state, said) == (State.OK, f"by owner, over {len(cluster.list_nodes()) + 1} servers")


def test_shards_have_what_the_tables_have() -> None:
    assert describe_shard("memories_memory") == (3, 1, 1)
    assert describe_shard("memories_auditevent") == (2, 2, 0)


def describe_shard(table: str) -> tuple[int, int, int]:
    """Return how many policies, triggers and foreign keys one shard has, on its node."""
    [(shard, host, port)] = fetch(
        "select shard_name, nodename, nodeport from citus_shards where table_name = %s::regclass limit 1",
        table,
    )
    with cluster.connect(connection.settings_dict["NAME"], (host, port)) as superuser:
        [counts] = superuser.execute(
            "select (select count(*) from pg_policy where polrelid = shard),"
            " (select count(*) from pg_trigger where tgrelid = shard and not tgisinternal),"
            " (select count(*) from pg_constraint where contype = 'f' and conrelid = shard)"
            " from to_regclass(%s) as shard",
            [shard],
        ).fetchall()
    return cast("tuple[int, int, int]", counts)


# --- Row security ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Memory, MemoryVector, MemoryTag, Tag], ids=lambda model: model.__name__)
def test_a_forgotten_filter_shows_nothing_of_others(model: Any, ada: User, bob: User) -> None:
    remember(ada, "The walrus sleeps.", tags=["sea"])
    remember(bob, "The seal sings.", tags=["ice"])
    for person in (ada, bob):
        with acting_as(Principal(person.pk)):
            assert set(model.objects.values_list("owner_id", flat=True)) == {person.pk}
    with acting_as(NOBODY):
        assert not model.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_writes_for_another(ada: User, bob: User) -> None:
    memory = remember(bob, "The seal sings.")
    with acting_as(Principal(ada.pk)):
        assert Memory.objects.filter(owner_id=bob.pk, pk=memory.pk).update(source="stolen") == 0
        with pytest.raises(Exception, match="row-level security"):
            Tag.objects.create(owner=bob, name="mine")


@pytest.mark.django_db(transaction=True)
def test_a_node_shows_the_web_server_nothing_that_acts_for_nobody(ada: User) -> None:
    remember(ada, "The walrus sleeps.")
    [(host, port)] = fetch(
        "select nodename, nodeport from citus_shards where table_name = 'memories_memory'::regclass"
        " and shardid = get_shard_id_for_distribution_column('memories_memory', %s)", ada.pk,
    )  # fmt: skip
    url = cluster.build_url(ROLES[Role.WEB], str(connection.settings_dict["NAME"]))
    with psycopg.connect(url, host=host, port=port, autocommit=True) as raw:
        assert raw.execute("select count(*) from memories_memory").fetchone() == (0,)


# --- One node a statement -------------------------------------------------------------------------------


def list_memories(ada: User) -> object:
    return reads.list_memories(session(ada))


def search_memories(ada: User) -> object:
    return search.search_memories(session(ada), "walrus")


def add_memory(ada: User) -> object:
    return writes.create_memory(session(ada), text="Another walrus.", tags=["ice"])


def list_by_app(ada: User) -> object:
    return reads.list_memories(app(ada))


@pytest.mark.parametrize("act", [list_memories, search_memories, add_memory, list_by_app])
def test_an_act_of_a_person_asks_one_node(ada: User, act: Callable[[User], object]) -> None:
    remember(ada, "The walrus sleeps.", tags=["sea"])
    before = count_multi_shard()
    act(ada)
    assert count_multi_shard() == before


def test_a_statement_without_an_owner_asks_several(ada: User) -> None:
    before = count_multi_shard()
    Memory.objects.count()
    assert count_multi_shard() == before + 1


def count_multi_shard() -> int:
    [(count,)] = fetch(
        "select query_execution_multi_shard from citus_stat_counters(0)"
        " where database_id = (select oid from pg_database where datname = current_database())"
    )
    return int(count)


@pytest.mark.django_db(transaction=True)
def test_uses_are_counted_on_the_node(ada: User) -> None:
    memory = remember(ada, "The walrus sleeps.")
    for _ in range(2):
        audit.record_event(app(ada), AuditAction.MEMORY_UPDATE, owner_id=ada.pk, memory_ids=[memory.pk])
    assert [use.times for use in MemoryUse.objects.filter(owner=ada, memory_id=memory.pk)] == [2]


@pytest.mark.django_db(transaction=True)
def test_deletion_cascades_on_the_node(ada: User) -> None:
    memory = remember(ada, "The walrus sleeps.", tags=["sea"])
    newer = remember(ada, "The walrus wakes.", supersedes=memory.pk)
    with CaptureQueriesContext(connection) as captured:
        memory.delete()
    assert len([each for each in captured if "DELETE" in each["sql"]]) == 1
    assert not MemoryTag.objects.filter(owner=ada).exists()
    assert Memory.objects.get(owner=ada, pk=newer.pk).supersedes_id is None
