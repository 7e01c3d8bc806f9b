"""The worker as a separate process: killed, slow and failing while texts are edited."""

import random
import signal
import time
from functools import partial
from typing import Any

import pytest

from accounts.keys import get_person_key
from accounts.models import User
from accounts.profile.service import update_profile
from memories.index import vectors, work_queue
from memories.jobs import indexer
from memories.models import IndexState, Memory, MemoryVector
from memories.search import query as search_query
from memories.services import writes
from tests.chaos.report import IS_LONG, record
from tests.factories import make_person, remember, session
from tests.processes import running, wait_until
from tests.providers import WordHashes

pytestmark = pytest.mark.django_db(transaction=True)
# Waits double: of 10,000 memories, whose calls fail half of the time, the last one fails some 13 times in a row.
QUICK = {"INDEXING_FIRST_WAIT_S": "0.002", "INDEXING_MAX_ATTEMPTS": "100"}


def are_all_indexed() -> bool:
    return not Memory.objects.exclude(index_state=IndexState.READY).exists()


def find_stale_texts(user: User) -> list[str]:
    """Return the texts whose stored vector does not match."""
    key = get_person_key(user.pk).vector_rotation_key
    return [
        row.memory.text
        for row in MemoryVector.objects.filter(owner=user).select_related("memory")
        if row.embedding is None
        or row.embedding
        != pytest.approx(
            vectors.rotate_vectors([WordHashes().embed_query(row.memory.text)], key)[0], abs=1e-3
        )
    ]


def test_worker_indexes_memories_and_stops_on_request() -> None:
    ada = make_person("ada")
    with running("worker") as process:
        remember(ada, "My puppy is called Rex.")
        wait_until(are_all_indexed)
        assert search_query.search_memories(session(ada), "hound").hits
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_kills_and_failures_during_edits_leave_no_memory_lost_or_stale() -> None:
    ada = make_person("ada")
    rng = random.Random(1)
    written: dict[Any, str] = {}
    for kill in range(14 if IS_LONG else 2):
        with running("worker", EMBEDDING_PROVIDER="tests.providers.SlowAndFlaky", **QUICK) as process:
            for step in range(40):
                if written and rng.random() < 0.4:
                    chosen = rng.choice(list(written))
                    written[chosen] = f"edited {kill} {step}"
                    writes.update_memory(session(ada), chosen, text=written[chosen])
                else:
                    text = f"note {kill} {step}"
                    written[remember(ada, text).pk] = text
            wait_until(Memory.objects.filter(index_state=IndexState.READY).exists)
            process.kill()
    with running("worker", EMBEDDING_PROVIDER="tests.providers.SlowAndFlaky", **QUICK):
        wait_until(are_all_indexed, seconds=60)
    assert {row.pk: row.text for row in Memory.objects.all()} == written
    assert find_stale_texts(ada) == []
    assert work_queue.get_backlog() == work_queue.Backlog(pending=0, failed=0)


def test_kills_while_memories_move_to_another_language_lose_nothing() -> None:
    ada = make_person("ada")
    count, kills = (10_000, 20) if IS_LONG else (70, 1)
    provider = {"EMBEDDING_PROVIDER": f"tests.providers.{'Flaky' if IS_LONG else 'SlowAndFlaky'}", **QUICK}
    for first in range(0, count, 500):
        numbers = range(first, min(first + 500, count))
        writes.create_memories(
            session(ada), [writes.NewMemory(f"running note{number}") for number in numbers]
        )
    while indexer.process_batch(worker=0):
        pass
    rng, unfound, begun = random.Random(2), 0, time.monotonic()
    update_profile(session(ada), language="de")
    for kill in range(kills):
        with running("worker", **provider) as process:
            wait_until(partial(has_moved, ada, (kill + 1) * count // (kills + 1)), seconds=600)
            process.kill()
        unfound += sum(not is_found(ada, number) for number in rng.sample(range(count), 10))
        assert Memory.objects.filter(owner=ada).count() == count
    with running("worker", **provider):
        wait_until(lambda: not User.objects.filter(former_languages__contains="en").exists(), seconds=600)
        wait_until(are_all_indexed, seconds=60)
    assert has_moved(ada, count)
    assert MemoryVector.objects.count() == count
    if not IS_LONG:
        assert find_stale_texts(ada) == []
    record(
        f"worker killed while {count:,} memories move to another language ({time.monotonic() - begun:.0f} s)",
        tries=kills,
        lost=unfound,
        what="memories not found",
    )
    assert unfound == 0


def has_moved(owner: User, count: int) -> bool:
    """Return whether so many memories are indexed in the new language."""
    return MemoryVector.objects.filter(owner=owner, space__language="de").count() >= count


def is_found(owner: User, number: int) -> bool:
    """Return whether a memory is found by its words, in the stem of the former language too, and by meaning."""
    owner.refresh_from_db()
    hits = search_query.search_memories(session(owner), f"runs note{number}").hits
    return bool(hits) and hits[0].memory.text == f"running note{number}" and hits[0].cosine is not None
