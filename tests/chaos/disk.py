"""A small disk of one's own that can be filled."""

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
    """A tmpfs at the folder. Skips the test where mounting is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "none", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("a disk can be filled only where this process may mount one (root, with CAP_SYS_ADMIN)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is left on the disk as long as the block."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as handle:
            fill(handle.fileno())
        yield
    finally:
        filler.unlink()


def fill(descriptor: int) -> None:
    try:
        while os.write(descriptor, CHUNK):
            pass
    except OSError:
        return
