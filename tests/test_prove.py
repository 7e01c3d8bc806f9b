"""`make prove` believes nothing that did not run."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from picard.config.paths import PROJECT
from tests import prove
from tests.prove import ATTACKS, Outcome, count, counted, earlier, write

ONE_RUN = {"tests": 3, "failures": 0, "errors": 0, "skipped": 1}
LINE = {"attack": "kills", "tries": 25, "lost": 0, "what": "writes lost"}


def outcome(lost: int = 0, **report: int) -> Outcome:
    suite = ElementTree.Element("testsuite", {name: str(value) for name, value in (ONE_RUN | report).items()})
    made = Outcome("kills", "Acknowledged writes are on disk", "abc", "2026-01-31T00:00:00+00:00")
    made.counts = [{**LINE, "lost": lost}]
    root = ElementTree.Element("testsuites")
    root.append(suite)
    count(made, root)
    return made


def test_what_ran_and_lost_nothing_proves() -> None:
    assert outcome().proves


@pytest.mark.parametrize(
    "bad", [{"skipped": 3}, {"failures": 1}, {"errors": 1}, {"tests": 0, "skipped": 0}, {"lost": 1}], ids=str
)
def test_what_was_skipped_failed_or_lost_something_proves_nothing(bad: dict[str, int]) -> None:
    assert not outcome(**bad).proves


def test_the_same_attack_is_told_once() -> None:
    assert counted([LINE, LINE, {**LINE, "lost": 2}]) == "kills: 75 tries, 2 writes lost"
    assert counted([]) == "-"


def test_one_attack_run_anew_stands_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_tried(name: str, _extent: dict[str, str]) -> Outcome:
        return Outcome(name, ATTACKS[name][0], "abc", "2026-01-31T00:00:00+00:00", tests=1)

    monkeypatch.setattr(prove, "tried", as_tried)
    for name in ("kills", "races"):
        monkeypatch.setattr("sys.argv", ["prove", "--only", name, "--folder", str(tmp_path)])
        assert prove.main() == 0
    proof: dict[str, Any] = json.loads((tmp_path / "proof.json").read_text())
    assert [each["name"] for each in proof["attacks"]] == ["kills", "races"]
    assert len(proof["not_run"]) == len(ATTACKS) - 2
    assert earlier(tmp_path, "short") == {}  # of the other form nothing is taken over


def test_the_tests_of_every_attack_are_there(tmp_path: Path) -> None:
    assert all((PROJECT / path).exists() for _promise, paths in ATTACKS.values() for path in paths)
    write("long", {}, tmp_path, minutes=0)
    assert "Attacks that did not run: kills, " in (tmp_path / "proof.md").read_text()
