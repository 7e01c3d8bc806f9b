"""No answer from memory is stale, whatever two processes change and search at the same time."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.report import IS_LONG, record
from tests.factories import make_person, remember
from tests.processes import PROJECT, end_with_parent, environment

STEPS = 10_000 if IS_LONG else 200
WALK = "import sys, django; django.setup(); from tests.memories.search.cache.walker import main; main(*sys.argv[1:])"
# Of all searches: a change by the other process often comes between two. In the suite, transactions of other tests on
# the same server delay loading.
FEW_FROM_MEMORY = 0.3 if IS_LONG else 0.0


@contextmanager
def walking(owner_id: object, seed: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WALK, str(owner_id), str(seed)]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment(
            DJANGO_SETTINGS_MODULE="picard.settings", EMBEDDING_PROVIDER="tests.providers.WordHashes"
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.mark.slow
@pytest.mark.plain(reason="vectors in memory are not used on a cluster")
def test_no_answer_from_memory_is_stale(shared_db: None) -> None:
    ada, chance = make_person("ada"), random.Random(7)
    for number in range(10):
        remember(ada, f"The dog {number} sleeps by the sea.")
    outcomes: Counter[str] = Counter()
    from_memory = [0, 0]
    with walking(ada.pk, 1) as one, walking(ada.pk, 2) as other:
        steps = 0
        while steps < STEPS:
            both = [(0, one), (1, other)]
            chosen = (
                both if chance.random() < 0.5 else [chance.choice(both)]
            )  # at the same time, or one alone
            for _, process in chosen:
                assert process.stdin is not None
                process.stdin.write("alone\n" if len(chosen) == 1 else "beside another\n")
                process.stdin.flush()
            for number, process in chosen:
                assert process.stdout is not None
                done = json.loads(process.stdout.readline())
                outcomes[done["outcome"] if done["did"] == "search" else done["did"]] += 1
                from_memory[number] = done["from_memory"]
                steps += 1
    searches = outcomes["fresh"] + outcomes["changed"] + outcomes["stale"]
    record("vectors in memory", tries=steps, lost=outcomes["stale"], what="stale answers")
    assert outcomes["stale"] == 0, outcomes
    assert sum(from_memory) > FEW_FROM_MEMORY * searches, (from_memory, outcomes)
