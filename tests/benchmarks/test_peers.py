"""The peer benchmark with a tiny workload, run on Picard's own adapter."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from benchmarks.clock import build_times
from benchmarks.peers import dataset, report, serve, work
from benchmarks.peers.adapters import picard
from benchmarks.peers.adapters.base import StorageLocation
from benchmarks.peers.results import ComparisonResults
from benchmarks.peers.systems import SYSTEMS
from benchmarks.peers.work import Workload
from memories.providers.embeddings import reset_provider

SIZE = 1_000


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Workload:
    """A workload, which Picard's provider reads too."""
    dataset.create_workload(SIZE, spare=10).write(tmp_path)
    monkeypatch.setattr(work, "FOLDER", str(tmp_path))
    settings.EMBEDDING_PROVIDER = "benchmarks.peers.work.Provider"
    reset_provider()
    return Workload.read(tmp_path)


def _run_commands(folder: Path, *lines: dict[str, Any]) -> list[Any]:
    """Return the responses of Picard's process to these commands."""
    configuration = {"work": str(folder), "folder": str(folder), "dsn": ""}
    commands = io.StringIO("".join(json.dumps(line) + "\n" for line in (configuration, *lines)))
    output = io.StringIO()
    serve.serve_system("picard", commands, output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def _add(workload: Workload, owner: str) -> dict[str, Any]:
    first, last = workload.owners[owner]
    return {"add_many": {"owner": owner, "texts": workload.texts[first:last]}}


def test_workload_is_reproducible(workload: Workload) -> None:
    again = dataset.create_workload(SIZE, spare=10)
    assert (again.texts, again.batches, again.questions) == (
        workload.texts,
        workload.batches,
        workload.questions,
    )
    assert (again.vectors == workload.vectors).all()
    assert sorted(text for _, texts in workload.texts_by_batch() for text in texts) == sorted(
        workload.texts[: workload.spare]
    )


def test_picard_matches_exact_scan(workload: Workload, tmp_path: Path, db: None) -> None:
    questions = [question for question in workload.questions if question.owner != dataset.LARGEST_OWNER][:4]
    calls = [(question.owner, question.name) for question in questions]
    additions = [_add(workload, owner) for owner in sorted({question.owner for question in questions})]
    searches = [{"search": {"way": method, "calls": calls}} for method in report.SEMANTIC_METHODS]
    *_, by_statement, by_service = _run_commands(tmp_path, *additions, {"embed_all": {}}, *searches)
    exact = [workload.find_nearest(question, 10) for question in questions]
    assert by_statement["found"] == by_service["found"] == exact
    assert len(by_statement["ms"]) == 4


def test_hybrid_search_uses_words_of_memory(workload: Workload, tmp_path: Path, db: None) -> None:
    question = workload.questions[0]
    questions = {"search": {"way": "hybrid", "calls": [(question.owner, question.words)]}}
    *_, answer = _run_commands(tmp_path, _add(workload, question.owner), questions)
    assert set(question.words.lower().split()) <= set(answer["found"][0][0].lower().rstrip(".").split())


def test_texts_are_stored_in_plaintext_only_without_sealing(
    workload: Workload, tmp_path: Path, db: None
) -> None:
    adapter = picard.Picard(workload, StorageLocation(tmp_path, ""))
    with picard.disable_sealing():
        adapter.add_one("unsealed", workload.texts[0])
    adapter.add_one("sealed", workload.texts[1])
    assert [_is_stored_in_plaintext(text) for text in workload.texts[:2]] == [True, False]


def _is_stored_in_plaintext(text: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select 1 from memories_memory where position(%s in text) > 0", [text.encode()])
        return cursor.fetchone() is not None


def test_fastest_peer_needs_sufficient_recall() -> None:
    results = ComparisonResults(added={name: build_times([1.0]) for name in SYSTEMS})
    results.searched = {
        (("mem0ai", "search"), 100): build_times([1.0]),
        (("langgraph", "search"), 100): build_times([2.0]),
        (("picard", "semantic"), 100): build_times([0.5]),
    }
    results.recall = {(("mem0ai", "search"), 100): 0.6, (("langgraph", "search"), 100): 0.97}
    assert report._find_fastest(results, report._list_peers(results), 100, report.MIN_RECALL) == (
        "langgraph",
        "search",
    )
    assert report._find_fastest(results, report._list_peers(results), 100, 0) == ("mem0ai", "search")
