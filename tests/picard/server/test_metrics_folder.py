"""Metrics folder: abandoned folders are removed, those of running servers are not."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from picard.server import metrics_folder


@pytest.fixture(autouse=True)
def _remove_folder() -> Iterator[None]:
    yield
    metrics_folder.remove()


def test_folder_is_private_and_removed_at_exit(tmp_path: Path) -> None:
    assert metrics_folder.shared_folder() is None
    folder = Path(metrics_folder.create(str(tmp_path)))
    assert (metrics_folder.shared_folder(), folder.parent) == (str(folder), tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    metrics_folder.remove()
    assert (metrics_folder.shared_folder(), folder.exists()) == (None, False)


def test_only_unlocked_folders_are_removed_at_start(tmp_path: Path) -> None:
    abandoned, locked, other = (tmp_path / name for name in ("picard-metrics-a", "picard-metrics-b", "other"))
    for folder in (abandoned, locked, other):
        folder.mkdir()
        (folder / "counter_0.db").touch()
    descriptor = os.open(locked, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    metrics_folder.create(str(tmp_path))
    os.close(descriptor)
    assert [folder.exists() for folder in (abandoned, locked, other)] == [False, True, True]


def test_new_worker_reuses_a_free_slot() -> None:
    first, second = metrics_folder.take_slot(), metrics_folder.take_slot()
    metrics_folder.free_slot(first)
    assert (first != second, metrics_folder.take_slot()) == (True, first)
    for slot in (first, second):
        metrics_folder.free_slot(slot)
