"""A small disk that a test can fill."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = "220m"  # a fresh database takes 45 MB
CHUNK = b"x" * 65_536


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a tmpfs at the folder. Skips the test if mounting is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "none", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("needs permission to mount a disk (root with CAP_SYS_ADMIN)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def fill_disk(disk: Path) -> Iterator[None]:
    """Leave no byte free on the disk during the block."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as handle:
            write_until_full(handle.fileno())
        yield
    finally:
        filler.unlink()


def write_until_full(descriptor: int) -> None:
    try:
        while os.write(descriptor, CHUNK):
            pass
    except OSError:
        return
