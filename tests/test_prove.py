"""`make prove` counts nothing as proven that did not run."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from picard.config.paths import PROJECT
from tests import prove
from tests.prove import ATTACKS, Outcome, count_tests, format_counts, load_earlier_results, write_results

ONE_RUN = {"tests": 3, "failures": 0, "errors": 0, "skipped": 1}
LINE = {"attack": "kills", "tries": 25, "lost": 0, "what": "writes lost"}


def make_outcome(lost: int = 0, **report: int) -> Outcome:
    suite = ElementTree.Element("testsuite", {name: str(value) for name, value in (ONE_RUN | report).items()})
    result = Outcome("kills", "Acknowledged writes are on disk", "abc", "2026-01-31T00:00:00+00:00")
    result.counts = [{**LINE, "lost": lost}]
    root = ElementTree.Element("testsuites")
    root.append(suite)
    count_tests(result, root)
    return result


def test_passed_attack_without_losses_proves_its_guarantee() -> None:
    assert make_outcome().proves


@pytest.mark.parametrize(
    "bad", [{"skipped": 3}, {"failures": 1}, {"errors": 1}, {"tests": 0, "skipped": 0}, {"lost": 1}], ids=str
)
def test_skipped_failed_or_lossy_attack_proves_nothing(bad: dict[str, int]) -> None:
    assert not make_outcome(**bad).proves


def test_counts_of_the_same_attack_are_summed() -> None:
    assert format_counts([LINE, LINE, {**LINE, "lost": 2}]) == "kills: 75 tries, 2 writes lost"
    assert format_counts([]) == "-"


def test_repeated_attack_keeps_the_results_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_fake_attack(name: str, _extent: dict[str, str]) -> Outcome:
        return Outcome(name, ATTACKS[name][0], "abc", "2026-01-31T00:00:00+00:00", tests=1)

    monkeypatch.setattr(prove, "run_attack", run_fake_attack)
    for name in ("kills", "races"):
        monkeypatch.setattr("sys.argv", ["prove", "--only", name, "--folder", str(tmp_path)])
        assert prove.main() == 0
    proof: dict[str, Any] = json.loads((tmp_path / "proof.json").read_text())
    assert [each["name"] for each in proof["attacks"]] == ["kills", "races"]
    assert len(proof["not_run"]) == len(ATTACKS) - 2
    assert load_earlier_results(tmp_path, "short") == {}  # results of the other form are ignored


def test_tests_of_every_attack_exist(tmp_path: Path) -> None:
    assert all((PROJECT / path).exists() for _promise, paths in ATTACKS.values() for path in paths)
    write_results("long", {}, tmp_path, minutes=0)
    assert "Attacks that did not run: kills, " in (tmp_path / "proof.md").read_text()
