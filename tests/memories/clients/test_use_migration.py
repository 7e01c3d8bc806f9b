"""The uses of existing events are counted while apps go on. `PICARD_CHAOS=long pytest -s` counts a million events."""

import importlib
import threading
import time
from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from core.db.roles import Role, connected_as
from picard.postgres.manager import ROLES, EmbeddedPostgres
from tests.chaos.report import IS_LONG, say
from tests.factories import make_person

MIGRATION: Any = importlib.import_module("memories.migrations.0023_memory_use")
EVENTS, USERS, IDS = (1_000_000, 20, 25) if IS_LONG else (2_000, 2, 5)
INSERT = """
insert into memories_auditevent (id, owner_id, actor_id, door, client_id, action, memory_ids, happened_at)
select encode(substring(int8send((extract(epoch from now()) * 1000)::bigint - %(age_ms)s + n) from 3)
    || '\\x7000'::bytea || uuid_send(gen_random_uuid()), 'hex')::varchar(32)::uuid,
  %(owner)s, %(owner)s, 'api', 'notes' || n %% 3, 'memory:read',
  array(select lpad(to_hex((n * 7 + k) %% 10000), 32, '0')::uuid from generate_series(1, %(ids)s) k), now()
from generate_series(1, %(count)s) n
"""
COUNTED = "select client_id, memory_id, sum(times) from memories_memoryuse where owner_id = %s group by 1, 2"
EXPECTED = """
select client_id, memory_id, count(*) from memories_auditevent, unnest(memory_ids) memory_id where owner_id = %s
group by 1, 2
"""


class App(threading.Thread):
    """Writes an event of the first user again and again, and measures how long that takes at most."""

    def __init__(self, owner: User) -> None:
        super().__init__(daemon=True)
        self.owner, self.ends, self.events, self.longest_s = owner, threading.Event(), 0, 0.0

    def run(self) -> None:
        with closing(connect(Role.OWNER)) as raw:
            while not self.ends.is_set():
                started_at = time.monotonic()
                raw.execute(INSERT, {"owner": self.owner.pk, "count": 1, "ids": IDS, "age_ms": 0})
                self.longest_s = max(self.longest_s, time.monotonic() - started_at)
                self.events += 1


def connect(role: Role) -> "psycopg.Connection[Any]":
    server = EmbeddedPostgres(settings.PICARD_HOME / "postgres")
    return psycopg.connect(
        dbname=connection.settings_dict["NAME"],
        user=ROLES[role],
        password=server.password(ROLES[role]),
        host=str(server.socket_folder),
        autocommit=True,
        options="-c picard.system=on",
    )


@pytest.mark.plain(reason="runs an old migration")
def test_each_event_is_counted_once_while_an_app_goes_on(shared_db: None) -> None:
    people = [make_person(f"user{number}") for number in range(USERS)]
    with connected_as(Role.OWNER), connection.cursor() as cursor:
        cursor.execute(MIGRATION.STOP_COUNTING)
        for person in people:
            for age_ms in (86_400_000, 600_000):  # before the boundary, and after it
                count = EVENTS // USERS // 2
                cursor.execute(INSERT, {"owner": person.pk, "count": count, "ids": IDS, "age_ms": age_ms})
        app = App(people[0])
        app.start()
        while app.events < 20:
            time.sleep(0.01)
        started_at = time.monotonic()
        try:
            MIGRATION.count_existing(connection, *MIGRATION.start_counting(connection))
        finally:
            seconds, during = time.monotonic() - started_at, app.events
            app.ends.set()
            app.join(30)
        for person in people[:2]:
            counts = []
            for query in (COUNTED, EXPECTED):
                cursor.execute(query, [person.pk])
                counts.append(set(cursor.fetchall()))
            assert counts[0] == counts[1]
    say(
        f"{EVENTS:,} events counted in {seconds:.1f} s; an app wrote {during:,} meanwhile, "
        f"which took {app.longest_s:.2f} s at most"
    )
