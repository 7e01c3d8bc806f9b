"""`make benchmark-peers` gives every system the same work and believes none; here to Picard's own adapter, tiny."""

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
from benchmarks.peers.results import Found
from benchmarks.peers.systems import SYSTEMS
from benchmarks.peers.work import Workload
from memories.providers.embeddings import reset_provider

TEXTS = (
    "select convert_from(substr(text, 18), 'utf8') from memories_memory"  # after version, nonce and length
)


SIZE = 1_000


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Workload:
    """The work, as Picard's provider finds it too."""
    dataset.create_workload(SIZE, spare=10).write(tmp_path)
    monkeypatch.setattr(work, "FOLDER", str(tmp_path))
    settings.EMBEDDING_PROVIDER = "benchmarks.peers.work.Provider"
    reset_provider()
    return Workload.read(tmp_path)


def _told(folder: Path, *acts: dict[str, Any]) -> list[Any]:
    """What Picard's process answers to these lines, the first of which opens it."""
    begin = {"work": str(folder), "folder": str(folder), "dsn": ""}
    told = io.StringIO("".join(json.dumps(line) + "\n" for line in (begin, *acts)))
    said = io.StringIO()
    serve.serve_system("picard", told, said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


def _add(made: Workload, owner: str) -> dict[str, Any]:
    first, last = made.owners[owner]
    return {"add_many": {"owner": owner, "texts": made.texts[first:last]}}


def test_two_runs_do_the_same_work(made: Workload) -> None:
    again = dataset.create_workload(SIZE, spare=10)
    assert (again.texts, again.batches, again.questions) == (made.texts, made.batches, made.questions)
    assert (again.vectors == made.vectors).all()
    assert sorted(text for _, texts in made.texts_by_batch() for text in texts) == sorted(
        made.texts[: made.spare]
    )


def test_picard_finds_what_an_exact_scan_finds(made: Workload, tmp_path: Path, db: None) -> None:
    asked = [one for one in made.questions if one.owner != dataset.LARGEST_OWNER][:4]
    calls = [(one.owner, one.name) for one in asked]
    added = [_add(made, owner) for owner in sorted({one.owner for one in asked})]
    ways = [{"search": {"way": way, "calls": calls}} for way in report.BY_MEANING]
    *_, by_statement, by_service = _told(tmp_path, *added, {"embed_all": {}}, *ways)
    exact = [made.find_nearest(one, 10) for one in asked]
    assert by_statement["found"] == by_service["found"] == exact
    assert len(by_statement["ms"]) == 4


def test_the_hybrid_way_is_asked_in_words_of_a_memory(made: Workload, tmp_path: Path, db: None) -> None:
    one = made.questions[0]
    asked = {"search": {"way": "hybrid", "calls": [(one.owner, one.words)]}}
    *_, answer = _told(tmp_path, _add(made, one.owner), asked)
    assert set(one.words.lower().split()) <= set(answer["found"][0][0].lower().rstrip(".").split())


def test_without_sealing_texts_lie_open_and_with_it_they_do_not(
    made: Workload, tmp_path: Path, db: None
) -> None:
    adapter = picard.Picard(made, StorageLocation(tmp_path, ""))
    with picard.disable_sealing():
        adapter.add_one("open", made.texts[0])
    adapter.add_one("sealed", made.texts[1])
    assert [_lies_open(text) for text in made.texts[:2]] == [True, False]


def _lies_open(text: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select 1 from memories_memory where position(%s in text) > 0", [text.encode()])
        return cursor.fetchone() is not None


def test_a_fast_peer_that_finds_too_little_is_no_measure() -> None:
    found = Found(added={name: build_times([1.0]) for name in SYSTEMS})
    found.searched = {
        (("mem0ai", "search"), 100): build_times([1.0]),
        (("langgraph", "search"), 100): build_times([2.0]),
        (("picard", "meaning"), 100): build_times([0.5]),
    }
    found.recall = {(("mem0ai", "search"), 100): 0.6, (("langgraph", "search"), 100): 0.97}
    assert report._find_fastest(found, report._list_peers(found), 100, report.MIN_RECALL) == (
        "langgraph",
        "search",
    )
    assert report._find_fastest(found, report._list_peers(found), 100, 0) == ("mem0ai", "search")
