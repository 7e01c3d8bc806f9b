"""Reads behind a standby, as a web server's process: every one must be fresh. Prints what became of them, as JSON.

`python -m tests.standby_walk [--until FILE]`: goes on at least until the file exists, and creates FILE.started when the
standby has answered some.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from core.db import standby  # noqa: E402
from core.db.principal import NOBODY, Principal, acting_as  # noqa: E402
from memories.errors import MemoryNotFound  # noqa: E402
from memories.insights.app_days import list_app_activity  # noqa: E402
from memories.insights.growth import count_growth  # noqa: E402
from memories.insights.memory_map import build_map  # noqa: E402
from memories.insights.periods import Range, build_period  # noqa: E402
from memories.insights.tag_trends import count_tags  # noqa: E402
from memories.insights.unsettled_pairs import find_unsettled  # noqa: E402
from memories.models import Visibility  # noqa: E402
from memories.search.query import search_memories  # noqa: E402
from memories.services import reads, writes  # noqa: E402
from tests.factories import app, remember, session  # noqa: E402

COUNT = "select count(*) from memories_memory where pg_is_in_recovery()"
MONTH = build_period(Range.DAYS, timezone.now(), None)
ROUNDS, STARTED = 8, 20


def write_and_read(owner: User, number: int) -> None:
    """Read each own write at once, on every path."""
    actor = session(owner)
    with acting_as(Principal(owner.pk)):
        before = reads.count_memories(actor)
        memory = remember(owner, f"A heron stood by pond {number}.", tags=[f"bird{number}"])
        assert reads.count_memories(actor) == before + 1
        assert memory.pk in list_ids(owner)
        assert memory.pk in search_ids(owner, "heron", owner)
        for look in (count_growth, count_tags, list_app_activity):
            look(actor, MONTH)
        build_map(actor)
        find_unsettled(actor)
        assert f"bird{number}" in [tag.name for tag in reads.list_tags(actor).tags]
        writes.update_memory(actor, memory.pk, text=f"An egret stood by pond {number}.")
        assert reads.get_memory(actor, memory.pk).text.startswith("An egret")
        writes.trash_memory(actor, memory.pk)
        assert memory.pk not in list_ids(owner)
        assert memory.pk not in search_ids(owner, "egret", owner)
        assert memory.pk in {one.pk for one in reads.list_trash(actor).memories}
        with suppress(MemoryNotFound):
            reads.get_memory(actor, memory.pk)
            raise AssertionError


def change_for_others(owner: User, reader: User) -> None:
    """What a persona may tell ends for others, and for their apps, with the change that its owner saw saved."""
    with acting_as(Principal(owner.pk)):
        memory = remember(owner, "The lighthouse is open.", visibility=Visibility.PUBLIC)
    readers: list[Callable[[], list[UUID]]] = [
        lambda: search_ids(reader, "lighthouse", owner),
        lambda: ask_as_app(reader, owner),
    ]
    for read in readers:
        assert read() == [memory.pk]
        with acting_as(Principal(owner.pk)):
            writes.update_memory(session(owner), memory.pk, visibility=Visibility.PRIVATE)
        assert read() == []
        with acting_as(Principal(owner.pk)):
            writes.update_memory(session(owner), memory.pk, visibility=Visibility.PUBLIC)
        assert read() == [memory.pk]
        User.objects.filter(pk=owner.pk).update(persona_enabled=False)
        assert read() == []
        User.objects.filter(pk=owner.pk).update(persona_enabled=True)
        assert read() == [memory.pk]
    with acting_as(Principal(owner.pk)):
        writes.trash_memory(session(owner), memory.pk)
    assert all(read() == [] for read in readers)


def ask_as_app(reader: User, owner: User) -> list[UUID]:
    with acting_as(Principal(reader.pk)):
        hits = search_memories(
            app(reader, "persona:query"), "lighthouse", owner=owner, only_related=True
        ).hits
    return [hit.memory.pk for hit in hits]


def search_ids(reader: User, query: str, owner: User) -> list[UUID]:
    with acting_as(Principal(reader.pk)):
        hits = search_memories(session(reader), query, owner=owner, only_related=True, limit=50).hits
    return [hit.memory.pk for hit in hits]


def list_ids(owner: User) -> list[UUID]:
    return [memory.pk for memory in reads.list_memories(session(owner)).memories]


def count_rows_on_standby(principal: Principal) -> int | None:
    """Return how many memories a statement without a filter sees there; None if it is not used."""
    measured: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        measured.append(sql)
        return execute(sql, *rest)

    with acting_as(principal), connection.execute_wrapper(note), standby._using_standby() as is_current:
        if not is_current:
            return None
        with connection.cursor() as cursor:
            cursor.execute(COUNT)
            count = int(cursor.fetchone()[0])
    assert COUNT in measured, "work on the standby is charged as work on the primary"
    return count


def work(act: Callable[[int], None], until: Path | None) -> int:
    number = 0
    with acting_as(NOBODY):
        while number < ROUNDS or (until and not until.exists()):
            act(number)
            number += 1
            if until and standby.get_counts()[standby.Outcome.STANDBY] > STARTED:
                Path(f"{until}.started").touch()
    connections.close_all()
    return number


def main() -> None:
    until = Path(sys.argv[2]) if sys.argv[1:2] == ["--until"] else None
    with acting_as(NOBODY):
        ada, *others = User.objects.order_by("email")
    acts: list[Callable[[int], None]] = [partial(write_and_read, person) for person in others]
    acts.append(lambda _number: change_for_others(ada, others[0]))
    with ThreadPoolExecutor(len(acts)) as threads:
        rounds = sum(threads.map(lambda act: work(act, until), acts))
    rows: list[int | None] = []
    if until is None and standby.get_counts()[standby.Outcome.STANDBY]:
        principals = (Principal(ada.pk), NOBODY)
        rows = [count_rows_on_standby(principal) for principal in principals]
    print(json.dumps({"rounds": rounds, "rows": rows, **standby.get_counts()}))  # noqa: T201


main()
