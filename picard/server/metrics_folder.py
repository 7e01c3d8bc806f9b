"""Folder with the files through which the web server's processes share their metrics.

prometheus_client counts in files if PROMETHEUS_MULTIPROC_DIR is set. picard/gunicorn.py creates the folder before it
forks the workers, and removes it at exit. Each file belongs to a slot. A new worker reuses the slot of the one that
it replaces, so that no count is lost and restarts do not add files.
"""

import fcntl
import itertools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "picard-metrics-"

_locks: dict[str, int] = {}  # file descriptors by folder; the workers inherit them
_taken_slots: set[int] = set()  # in gunicorn's main process
_slot = 0  # of this worker


def create(parent: str | None) -> str:
    """Create a folder in `parent` (None: the default for temporary files) and set PROMETHEUS_MULTIPROC_DIR."""
    _remove_abandoned_folders(Path(parent or tempfile.gettempdir()))
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    _locks[folder] = os.open(folder, os.O_RDONLY)
    fcntl.flock(_locks[folder], fcntl.LOCK_EX)
    os.environ.update({VARIABLE: folder})
    return folder


def remove() -> None:
    folder = os.environ.pop(VARIABLE, "")
    if folder in _locks:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(_locks.pop(folder))


def take_slot() -> int:
    """Reserve and return the lowest free slot."""
    slot = next(slot for slot in itertools.count() if slot not in _taken_slots)
    _taken_slots.add(slot)
    return slot


def free_slot(slot: int) -> None:
    _taken_slots.discard(slot)


def use_slot(slot: int) -> None:
    global _slot
    _slot = slot


def slot() -> int:
    return _slot


def shared_folder() -> str | None:
    """Return the folder, or None if each process counts separately."""
    folder = os.environ.get(VARIABLE)
    return folder if folder and os.path.isdir(folder) else None


def _remove_abandoned_folders(parent: Path) -> None:
    """Remove the folders of servers that were killed: their locks are free."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # owned by another account, or locked
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)
