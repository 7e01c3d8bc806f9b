"""A separate process that writes memories at a steady rate through the service.

`python -m benchmarks.writer OWNER WRITES_PER_SECOND` prints the ID and the save time of each memory.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings

SEED = 7
SaveTimes = dict[UUID, float]  # in seconds of time.monotonic


@contextmanager
def run_writer(owner: UUID, writes_per_second: float) -> Iterator[SaveTimes]:
    """Run the writer process during the block; the yielded dictionary is updated meanwhile."""
    command = [sys.executable, "-m", "benchmarks.writer", str(owner), str(writes_per_second)]
    saved: SaveTimes = {}
    with subprocess.Popen(
        command, cwd=Path(settings.BASE_DIR), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        reader = threading.Thread(target=_read_output, args=(process, saved))
        reader.start()
        try:
            _wait_for_first_save(process, saved)
            yield saved
        finally:
            process.terminate()
            process.wait()
            reader.join()


def _read_output(process: "subprocess.Popen[str]", saved: SaveTimes) -> None:
    assert process.stdout  # noqa: S101
    for line in process.stdout:
        memory_id, saved_at = line.split()
        saved[UUID(memory_id)] = float(saved_at)


def _wait_for_first_save(process: "subprocess.Popen[str]", saved: SaveTimes) -> None:
    while not saved:
        if process.poll() is not None:
            raise RuntimeError(f"the writer exited with code {process.returncode}")
        time.sleep(0.01)


def main(owner: str, writes_per_second: str) -> None:
    import django

    django.setup()
    from core.db.roles import act_as_operator

    act_as_operator()
    import numpy as np

    from accounts.actor import Actor, Channel
    from accounts.models import User
    from benchmarks.texts import make_texts
    from memories.services import writes

    actor = Actor(user=User.objects.get(pk=owner), door=Channel.WEB)
    random = np.random.default_rng(SEED)
    due_at = time.monotonic()
    while True:
        [text] = make_texts(1, random)
        memory = writes.create_memory(actor, text=text)
        sys.stdout.write(f"{memory.pk} {time.monotonic()}\n")
        sys.stdout.flush()
        due_at += 1 / float(writes_per_second)
        time.sleep(max(0.0, due_at - time.monotonic()))


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    main(*sys.argv[1:])
