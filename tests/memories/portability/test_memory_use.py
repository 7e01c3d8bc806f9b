"""Memory does not grow with what is moved: a long file is looked at as it comes, an export is made as it is sent."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from accounts.models import User
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.services import writes
from tests.factories import make_person, session
from tests.memories.portability.samples import chatgpt_conversation
from tests.processes import PROJECT, environment

LONG_BYTES = int(os.environ.get("LONG_IMPORT_BYTES", "1000000000"))
MOST_MB = 200  # of the whole process
IMPORTS = """
import pathlib, re
from django.core.management import call_command
call_command("import_memories", "-", "--person", "ada@example.org")
print("peak_kb", re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def conversations(size: int) -> Iterator[bytes]:
    """A conversations.json of about so many bytes, most of them the assistant's."""
    answer = "An answer of some length, as they are. " * 500
    length = 0
    yield b"["
    for number in range(size):
        turns = [("user", f"Question {number} of mine?"), ("assistant", answer)]
        one = json.dumps(chatgpt_conversation(turns, f"c{number}")).encode()
        yield one if not number else b"," + one
        length += len(one)
        if length >= size:
            break
    yield b"]"


def peak_mb(size: int) -> tuple[float, str]:
    """Of a process that looks at a file of that size, piped in; and what it said."""
    with subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v0", "-c", IMPORTS],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.writelines(conversations(size))
        process.stdin.close()
        said = process.stdout.read().decode()
    assert process.returncode == 0
    return int(said.rsplit("peak_kb", 1)[1]) / 1000, said


@pytest.mark.django_db(transaction=True)
def test_a_long_file_is_looked_at_with_little_memory() -> None:
    make_person("ada")
    peak, said = peak_mb(30_000_000)
    assert "new: 751" in said
    assert peak < MOST_MB


@pytest.mark.slow
@pytest.mark.skipif(
    "LONG_IMPORT_BYTES" not in os.environ, reason="takes minutes: LONG_IMPORT_BYTES=1000000000"
)
@pytest.mark.django_db(transaction=True)
def test_a_very_long_file_is_looked_at_with_as_little() -> None:
    make_person("ada")
    peak, said = peak_mb(LONG_BYTES)
    print(f"{LONG_BYTES:,} bytes: at most {peak:.0f} MB", said)  # noqa: T201 - a figure to be written down
    assert peak < MOST_MB


@pytest.mark.django_db
def test_an_export_of_many_takes_no_more_memory_than_one_of_few(ada: User) -> None:
    writes.create_memories(session(ada), [writes.NewMemory(f"memory {n} " * 20) for n in range(500)])
    few = {form: _peak(ada, form) for form in EXPORT_FORMATS}
    writes.create_memories(session(ada), [writes.NewMemory(f"more {n} " * 20) for n in range(1_500)])
    many = {form: _peak(ada, form) for form in EXPORT_FORMATS}
    # A zip keeps the list of its files.
    assert [form for form in EXPORT_FORMATS if many[form] >= 1.5 * few[form] + 2_000_000] == []


def _peak(user: User, form: str) -> int:
    tracemalloc.start()
    for _chunk in export_memories(session(user), form).chunks:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
