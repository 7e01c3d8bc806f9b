"""The worker as a separate process: killed, slow and failing while texts are edited."""

import random
import signal
from typing import Any

import pytest

from accounts.keys import get_person_key
from accounts.models import User
from memories.index import vectors, work_queue
from memories.models import IndexState, Memory, MemoryVector
from memories.search import query as search_query
from memories.services import writes
from tests.chaos.report import IS_LONG
from tests.factories import make_person, remember, session
from tests.processes import running, wait_until
from tests.providers import WordHashes

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = {"INDEXING_FIRST_WAIT_S": "0.05", "INDEXING_MAX_ATTEMPTS": "100"}


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
    for kill in range(14 if IS_LONG else 4):
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
