"""A machine with a wrong clock: expiry, leases, due times and purges follow the clock of the database."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.models import User
from memories.models import IndexState, Memory, MemoryVector
from memories.services import writes
from tests.chaos.report import record
from tests.factories import make_person, remember, session
from tests.processes import run, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
SKEWS = ("+40d", "-40d")
DEAD_WORKER = 2**31 - 1  # not the number of any worker
HOUR, MONTH = timedelta(hours=1), timedelta(days=31)

WHAT_ADA_SEES = """
import django, json; django.setup()
from core.db.roles import act_as_operator; act_as_operator()
from accounts.models import User
from memories.search import query
from memories.services import reads
from tests.factories import session
ada = session(User.objects.get())
listed = [memory.text for memory in reads.list_memories(ada).memories]
found = [hit.memory.text for hit in query.search_memories(ada, "walrus").hits]
print(json.dumps([sorted(listed), sorted(found)]))
"""


@pytest.fixture
def skewed() -> Callable[[str], dict[str, str]]:
    """Return a function that returns the variables to shift the clock of a process, for example by "+40d"."""
    library = next((path for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])), None)
    if library is None:
        if os.environ.get("CI") == "true":
            pytest.fail("libfaketime is missing, and CI=true: install it (.ci/run does)")
        pytest.skip("libfaketime is missing: apt-get install libfaketime")
    return lambda by: {
        "LD_PRELOAD": str(library),
        "FAKETIME": by,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # the name in older versions
        "DJANGO_SETTINGS_MODULE": "picard.settings",
    }


def test_faketime_changes_the_clock_of_a_process(skewed: Callable[[str], dict[str, str]]) -> None:
    clocks = [float(run("-c", "import time; print(time.time())", **skewed(by)).stdout) for by in SKEWS]
    assert clocks[0] - clocks[1] == pytest.approx(timedelta(days=80).total_seconds(), abs=3_600)


@pytest.mark.parametrize("by", SKEWS)
def test_worker_finds_due_work_by_the_database_clock(
    by: str, skewed: Callable[[str], dict[str, str]]
) -> None:
    ada = make_person("ada")
    due, later, leased = (remember(ada, text) for text in ("due", "later", "leased"))
    _update(later, index_due_at=Now() + HOUR)
    _update(leased, index_leased_by=DEAD_WORKER)
    expiring, expired, long_expired = (_create_expiring(ada, at) for at in (HOUR, -HOUR, -MONTH))
    trashed, long_trashed = _create_trashed(ada, timedelta()), _create_trashed(ada, -MONTH)
    with running("worker", **skewed(by)):
        wait_until(lambda: _get_states(due, leased) == {IndexState.READY}, seconds=60)
    assert _get_states(later) == {IndexState.PENDING}
    remaining = set(Memory.objects.values_list("pk", flat=True))
    assert {expiring.pk, expired.pk, trashed.pk} <= remaining
    assert not {long_expired.pk, long_trashed.pk} & remaining
    record(f"a worker's clock {by}", tries=7, lost=0, what="acts by the wrong clock")


@pytest.mark.parametrize("by", SKEWS)
def test_worker_defers_work_by_the_database_clock(by: str, skewed: Callable[[str], dict[str, str]]) -> None:
    memory = remember(make_person("ada"), "due")
    failing = {"EMBEDDING_PROVIDER": "tests.providers.Failing", "INDEXING_FIRST_WAIT_S": "300"}
    with running("worker", **failing, **skewed(by)):
        wait_until(lambda: Memory.objects.filter(pk=memory.pk, index_error="unreachable").exists())
    soon = {"index_due_at__gt": Now() + timedelta(seconds=60), "index_due_at__lt": Now() + HOUR}
    assert Memory.objects.filter(pk=memory.pk, **soon).exists()


@pytest.mark.parametrize("by", SKEWS)
def test_memories_expire_by_the_database_clock(by: str, skewed: Callable[[str], dict[str, str]]) -> None:
    ada = make_person("ada")
    remember(ada, "a walrus that stays")
    _create_expiring(ada, -HOUR, text="a walrus that has expired")
    _create_expiring(ada, HOUR, text="a walrus that will expire")
    seen = json.loads(run("-c", WHAT_ADA_SEES, **skewed(by)).stdout)
    assert seen == [["a walrus that stays", "a walrus that will expire"]] * 2


def _create_expiring(ada: User, after: timedelta, *, text: str = "expiring") -> Memory:
    memory = remember(ada, text)
    _update(memory, expires_at=Now() + after)
    MemoryVector.objects.filter(memory=memory).update(expires_at=Now() + after)
    return memory


def _create_trashed(ada: User, after: timedelta) -> Memory:
    memory = writes.trash_memory(session(ada), remember(ada, "trashed").pk)
    _update(memory, deleted_at=Now() + after)
    return memory


def _update(memory: Memory, **values: Any) -> None:
    Memory.objects.filter(pk=memory.pk).update(**values)


def _get_states(*memories: Memory) -> set[str]:
    rows = Memory.objects.filter(pk__in=[memory.pk for memory in memories])
    return set(rows.values_list("index_state", flat=True))
