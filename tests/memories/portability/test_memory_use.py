"""Imports and exports are streamed: memory use does not grow with their size."""

import json
import os
import random
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from accounts.models import User
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.services import writes
from tests.factories import make_person, session
from tests.memories.portability.samples.files import chatgpt_conversation
from tests.processes import PROJECT, environment

LONG_BYTES = int(os.environ.get("LONG_IMPORT_BYTES", "1000000000"))
MAX_PEAK_MB = 200  # resident, of the whole process
SCRIPT = """
import pathlib, re
from django.core.management import call_command
call_command("import_memories", "%s", "--person", "ada@example.org")
print("peak_kb", re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def conversations(size: int) -> Iterator[bytes]:
    """Yield a conversations.json of about `size` bytes, mostly assistant messages."""
    words = [f"word{number}" for number in range(5_000)]
    pick, length = random.Random(1), 0
    yield b"["
    for number in range(size):
        answer = " ".join(pick.choices(words, k=2_200))
        turns = [("user", f"Question {number} of mine?"), ("assistant", answer)]
        conversation = json.dumps(chatgpt_conversation(turns, f"c{number}")).encode()
        yield conversation if not number else b"," + conversation
        length += len(conversation)
        if length >= size:
            break
    yield b"]"


def pack(chunks: Iterable[bytes], path: Path) -> Path:
    """Write a zip with conversations.json of these bytes."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("conversations.json", "w", force_zip64=True) as member,
    ):
        for chunk in chunks:
            member.write(chunk)
    return path


def peak_mb(chunks: Iterable[bytes], file: Path | None = None) -> tuple[float, str]:
    """Return the peak memory in MB of a process that previews what is piped, or a file, and its output."""
    with subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v0", "-c", SCRIPT % (file or "-")],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.writelines(chunks)
        process.stdin.close()
        output = process.stdout.read().decode()
    assert process.returncode == 0
    return int(output.rsplit("peak_kb", 1)[1]) / 1000, output


@pytest.mark.django_db(transaction=True)
def test_long_file_preview_uses_bounded_memory() -> None:
    make_person("ada")
    peak, output = peak_mb(conversations(30_000_000))
    assert "new: 758" in output
    assert peak < MAX_PEAK_MB


@pytest.mark.slow
@pytest.mark.skipif(
    "LONG_IMPORT_BYTES" not in os.environ, reason="takes minutes: LONG_IMPORT_BYTES=1000000000"
)
@pytest.mark.parametrize("form", ["piped", "zip"])
@pytest.mark.django_db(transaction=True)
def test_very_long_file_preview_uses_bounded_memory(form: str, tmp_path: Path) -> None:
    make_person("ada")
    chunks = conversations(LONG_BYTES)
    peak, output = peak_mb([], pack(chunks, tmp_path / "a.zip")) if form == "zip" else peak_mb(chunks)
    print(f"{LONG_BYTES:,} bytes, {form}: at most {peak:.0f} MB", output)  # noqa: T201 - reports the measurement
    assert peak < MAX_PEAK_MB


@pytest.mark.django_db
def test_export_memory_use_does_not_grow_with_number_of_memories(ada: User) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"memory {n} " * 20) for n in range(500)])
    few = {form: _peak(ada, form) for form in EXPORT_FORMATS}
    writes.create_memories(session(ada), [writes.NewMemory(f"more {n} " * 20) for n in range(1_500)])
    many = {form: _peak(ada, form) for form in EXPORT_FORMATS}
    # A zip holds its directory in memory.
    assert [form for form in EXPORT_FORMATS if many[form] >= 1.5 * few[form] + 2_000_000] == []


def _peak(user: User, form: str) -> int:
    tracemalloc.start()
    for _chunk in export_memories(session(user), form).chunks:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
