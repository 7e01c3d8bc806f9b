"""The web server's processes share files: those of a server that is gone are removed, those of another one are not."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from picard.server import metrics_folder


@pytest.fixture(autouse=True)
def _removed() -> Iterator[None]:
    yield
    metrics_folder.remove()


def test_the_folder_is_the_servers_own_and_goes_with_it(tmp_path: Path) -> None:
    assert metrics_folder.shared_folder() is None
    folder = Path(metrics_folder.create(str(tmp_path)))
    assert (metrics_folder.shared_folder(), folder.parent) == (str(folder), tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    metrics_folder.remove()
    assert (metrics_folder.shared_folder(), folder.exists()) == (None, False)


def test_only_folders_that_no_server_holds_are_removed_at_the_next_start(tmp_path: Path) -> None:
    abandoned, held, others = (tmp_path / name for name in ("picard-metrics-a", "picard-metrics-b", "other"))
    for folder in (abandoned, held, others):
        folder.mkdir()
        (folder / "counter_0.db").touch()
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    metrics_folder.create(str(tmp_path))
    os.close(descriptor)
    assert [folder.exists() for folder in (abandoned, held, others)] == [False, True, True]


def test_a_worker_that_replaces_another_takes_its_slot() -> None:
    first, second = metrics_folder.take_slot(), metrics_folder.take_slot()
    metrics_folder.free_slot(first)
    assert (first != second, metrics_folder.take_slot()) == (True, first)
    for slot in (first, second):
        metrics_folder.free_slot(slot)
