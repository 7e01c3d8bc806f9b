"""Nodes that come, go and die while people write. The long form, in `make prove`, moves every shard.

PICARD_CITUS_STOP and PICARD_CITUS_START are commands that kill and start a node: {host} and {port} stand for it.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from accounts.models import User
from core.db.principal import Principal, acting_as
from memories.jobs import indexer
from memories.models import IndexState, Memory
from memories.services import reads, writes
from tests.chaos.report import IS_LONG, record, say
from tests.citus import cluster
from tests.factories import make_person, session

pytestmark = [
    pytest.mark.usefixtures("shared_db"),
    pytest.mark.slow,
    pytest.mark.skipif(not cluster.URL, reason="PICARD_CITUS_URL is not set"),
]
STOP, START = os.environ.get("PICARD_CITUS_STOP", ""), os.environ.get("PICARD_CITUS_START", "")
PEOPLE, WRITERS = 12, 4
START_S = 60.0


@dataclass
class Written:
    """What was acknowledged, by owner, and what failed."""

    stored: list[tuple[UUID, UUID]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    longest_s: float = 0.0


@pytest.fixture
def people() -> list[User]:
    return [make_person(f"person{number}") for number in range(PEOPLE)]


def write_until(ended: Event, people: list[User], written: Written) -> None:
    number = 0
    while not ended.is_set():
        person = people[number % len(people)]
        number += 1
        started = time.monotonic()
        try:
            with acting_as(Principal(person.pk)):
                memory = writes.create_memory(
                    session(person), text=f"The walrus of day {number}.", tags=["sea"]
                )
            written.stored.append((person.pk, memory.pk))
        except OperationalError as error:
            written.failed.append(str(error))
            connection.close()
        written.longest_s = max(written.longest_s, time.monotonic() - started)
    connection.close()


@contextmanager
def writing(people: list[User]) -> Iterator[list[Written]]:
    ended, written = Event(), [Written() for _ in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        threads = [
            pool.submit(write_until, ended, people[number::WRITERS], one)
            for number, one in enumerate(written)
        ]
        try:
            yield written
        finally:
            ended.set()
        for thread in threads:
            thread.result()


def report_lost(attack: str, written: list[Written]) -> list[UUID]:
    """Return what was acknowledged and is not there. Records it."""
    lost, tries = find_lost(written), sum(len(one.stored) for one in written)
    refused = sum(len(one.failed) for one in written)
    longest_ms = round(1000 * max(one.longest_s for one in written))
    record(attack, tries=tries, lost=len(lost), what="acknowledged writes lost")
    say(f"{attack}: {refused} refused, {longest_ms} ms at most")
    assert tries > WRITERS
    return lost


def find_lost(written: list[Written]) -> list[UUID]:
    acknowledged = {pk: owner for one in written for owner, pk in one.stored}
    present: set[UUID] = set()
    for owner in set(acknowledged.values()):
        present |= set(Memory.objects.filter(owner_id=owner).values_list("pk", flat=True))
    return sorted(acknowledged.keys() - present)


def test_moving_shards_loses_no_acknowledged_write(people: list[User]) -> None:
    moved = 0
    with writing(people) as written, cluster.connect(str(connection.settings_dict["NAME"])) as superuser:
        for shard, *places in list_moves(superuser):
            for (host, port), (to_host, to_port) in (places, places[::-1]):
                superuser.execute(
                    "select citus_move_shard_placement(%s, %s, %s, %s, %s, 'force_logical')",
                    [shard, host, port, to_host, to_port],
                )
                moved += 1
            if not IS_LONG:
                break
    lost = report_lost(f"{moved} moves of shards", written)
    assert lost == []
    assert [failure for one in written for failure in one.failed] == []


def list_moves(superuser: Any) -> list[tuple[int, cluster.Node, cluster.Node]]:
    """Return each shard of memories, with its node and another one. What is co-located moves along."""
    shards = superuser.execute(
        "select shardid, nodename, nodeport from citus_shards where table_name = 'memories_memory'::regclass"
    ).fetchall()
    return [
        (shard, (host, port), next(node for node in cluster.list_nodes() if node != (host, port)))
        for shard, host, port in shards
    ]


@pytest.mark.skipif(not (STOP and START), reason="PICARD_CITUS_STOP and PICARD_CITUS_START are not set")
def test_a_dead_node_costs_only_its_own_people(people: list[User]) -> None:
    dead = cluster.list_nodes()[-1]
    theirs, others = split_people(people, dead)
    read_and_write(others[0])
    index_for(1.0)  # no embedding space can be created while a node is away: each has a copy
    with writing(people) as written:
        time.sleep(2)
        run(STOP, dead)
        try:
            time.sleep(1)
            for person in theirs:
                with pytest.raises(OperationalError):
                    read_and_write(person)
            asked = [memory_of(person) for person in others]
            wait_for(lambda: index_all_of(asked))
        finally:
            run(START, dead)
        wait_for(lambda: read_and_write(theirs[0]))
    assert report_lost("a dead node", written) == []
    for person in people:
        read_and_write(person)


def split_people(people: list[User], node: cluster.Node) -> tuple[list[User], list[User]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from accounts_user join pg_dist_placement"
            " on shardid = get_shard_id_for_distribution_column('memories_memory', id)"
            " join pg_dist_node using (groupid) where nodename = %s and nodeport = %s",
            node,
        )
        there = {pk for (pk,) in cursor.fetchall()}
    theirs = [person for person in people if person.pk in there]
    others = [person for person in people if person.pk not in there]
    assert theirs, "all people are elsewhere"
    assert others, "all people are on this node"
    return theirs, others


def read_and_write(person: User) -> None:
    with acting_as(Principal(person.pk)):
        writes.create_memory(session(person), text="The walrus sleeps.")
        reads.list_memories(session(person))


def memory_of(person: User) -> Memory:
    """Return the newest memory."""
    return Memory.objects.filter(owner_id=person.pk).order_by("-pk")[0]


def index_all_of(memories: list[Memory]) -> None:
    """Let a worker run for a second. Raises OperationalError while some of these memories wait."""
    index_for(1.0)
    for memory in memories:
        memory.refresh_from_db()
    if any(memory.index_state == IndexState.PENDING for memory in memories):
        raise OperationalError("not yet")


def index_for(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    indexer._work_with_lease(lambda: time.monotonic() > deadline)


def run(command: str, node: cluster.Node) -> None:
    subprocess.run(command.format(host=node[0], port=node[1]), shell=True, check=True)  # noqa: S602


def wait_for(act: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            act()
            break
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(0.5)
