"""`python -m benchmarks` completes, prints its results and leaves nothing behind. Times are not checked."""

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

from benchmarks.home import TEMPLATE
from picard.config.paths import PROJECT
from tests.chaos.product import Product
from tests.chaos.template import get_template

EXPECTED_OUTPUT = {
    "search": (
        "vector arm, 500: .3 ms + 10 × numpy",
        "recall@10 of the vector arm, 100",
        "service call, 500",
    ),
    "write": (
        "create_memory: relative to a plain one-row INSERT",
        "import, memories per second",
        "backlog: rate relative",
    ),
    "http": (
        "search page, 2 connections",
        "search",
        "stock list of 10",
        "search over MCP",
        "30 slow connections",
        "upload, chunked: rejected with 413",
        "list of 10 by token: CPU",
        "read one by token: CPU",
        "secret check: CPU",
    ),
    "whole": ("Add, until it can be found", "| picard | MCP | 2 |", "| errors of picard | 0 |"),
}
OPTIONS = {"whole": ("--systems", "picard")}  # the other servers are not installed for the tests


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other accounts can enter, unlike tmp_path: as root, PostgreSQL runs under another account."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPECTED_OUTPUT)
def test_benchmark_completes_and_leaves_nothing_behind(kind: str, folder: Path) -> None:
    results = folder / "results.json"
    options = ("--quick", "--json", str(results), *OPTIONS.get(kind, ()))
    process = _run_benchmark(kind, *options, TMPDIR=str(folder))
    assert process.returncode == 0, process.stderr[-3000:]
    assert "| promise | measured | target |" in process.stdout
    assert all(text in process.stdout for text in EXPECTED_OUTPUT[kind])
    assert {"promise", "figure", "limit", "is_met"} <= set(_read(results)["bars"][0])
    assert [path.name for path in folder.iterdir()] == ["results.json"]
    assert not _list_processes(folder)


def _run_benchmark(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=PROJECT,
        env={
            **os.environ,
            "WEB_WORKERS": "1",
            **_get_migrated_home(),
            **variables,
        },  # for each of four servers
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _get_migrated_home() -> dict[str, str]:
    return {TEMPLATE: str(get_template(Product(Path("any")).environment))}


def _read(results: Path) -> Any:
    return json.loads(results.read_text())


def _list_processes(folder: Path) -> list[str]:
    """Return the processes started with a file in the folder, or working in it."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if f"{folder}/picard-benchmark-" in line]
