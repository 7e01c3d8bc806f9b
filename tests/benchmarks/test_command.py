"""`python -m benchmarks` runs to its end, says what it measured, and leaves nothing behind. No time decides here."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from picard.config.paths import PROJECT

SAID = {
    "search": (
        "vector arm, 500: .3 ms + 10 × numpy",
        "recall@10 of the vector arm, 100",
        "service call, 500",
    ),
    "write": ("create_memory: of a bare one-row INSERT", "import, memories a second", "backlog: of the bare"),
    "http": (
        "search page, 2 connections",
        "search",
        "stock list of 10",
        "search by MCP",
        "30 slow connections",
        "upload, chunked: answered with 413",
        "list by token: Python CPU",
        "secret check: CPU",
    ),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not tmp_path: root's PostgreSQL runs as another account, which must enter, and pytest closes its folders."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAID)
def test_a_benchmark_runs_to_its_end_and_leaves_nothing_behind(kind: str, folder: Path) -> None:
    figures = folder / "figures.json"
    ended = _benchmark(kind, "--quick", "--json", str(figures), TMPDIR=str(folder))
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "| promise | measured | bar |" in ended.stdout
    assert all(said in ended.stdout for said in SAID[kind])
    assert {"promise", "figure", "limit", "is_met"} <= set(_read(figures)["bars"][0])
    assert [path.name for path in folder.iterdir()] == ["figures.json"]
    assert not _processes_of(folder)


def _benchmark(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=PROJECT,
        env={**os.environ, "WEB_WORKERS": "1", **variables},  # of four servers
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _read(figures: Path) -> Any:
    return json.loads(figures.read_text())


def _processes_of(folder: Path) -> list[str]:
    """Those that were started with a file below the folder, or work in it."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if f"{folder}/picard-benchmark-" in line]
