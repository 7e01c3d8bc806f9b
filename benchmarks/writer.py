"""A process of its own that writes memories at a steady rate, through the service, as a door would.

`python -m benchmarks.writer OWNER WRITES_A_SECOND` prints a line for each: its id, and when it was saved.
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
SaveTimes = dict[UUID, float]  # when each memory was saved, in seconds of time.monotonic


@contextmanager
def run_writer(owner: UUID, writes_a_second: float) -> Iterator[SaveTimes]:
    """While the block runs another process writes memories of the owner. What is given grows meanwhile."""
    command = [sys.executable, "-m", "benchmarks.writer", str(owner), str(writes_a_second)]
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
        memory_id, at = line.split()
        saved[UUID(memory_id)] = float(at)


def _wait_for_first_save(process: "subprocess.Popen[str]", saved: SaveTimes) -> None:
    while not saved:
        if process.poll() is not None:
            raise RuntimeError(f"the writer ended with exit code {process.returncode}")
        time.sleep(0.01)


def main(owner: str, writes_a_second: str) -> None:
    import django

    django.setup()
    import numpy as np

    from accounts.actor import Actor, Channel
    from accounts.models import User
    from benchmarks.texts import make_texts
    from memories.services import writes

    actor = Actor(user=User.objects.get(pk=owner), door=Channel.WEB)
    random = np.random.default_rng(SEED)
    due = time.monotonic()
    while True:
        [text] = make_texts(1, random)
        memory = writes.create_memory(actor, text=text)
        sys.stdout.write(f"{memory.pk} {time.monotonic()}\n")
        sys.stdout.flush()
        due += 1 / float(writes_a_second)
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    main(*sys.argv[1:])
