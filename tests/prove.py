"""Run the attacks on every guarantee (`make prove`), two at a time, and write docs/proof.json and docs/proof.md.

By default they run in the long form; `--short` runs them as `make test` does. `--only NAME` (repeatable) runs some of
them and keeps the results of an earlier run of the same form for the others. The files are written after each attack,
so an interrupted run is not lost.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from xml.etree import ElementTree

from picard.config.paths import PROJECT, get_picard_home

AT_ONCE = 2
LONGEST = (
    "machine",
    "kills",
    "provider",
    "fuzz",
)  # started first, so that no long attack runs alone at the end
LONG = {"PICARD_CHAOS": "long", "FUZZ_CASES": "50000", "FORGED_TOKENS": "10000"}
CLUSTER = "cluster"  # runs with PICARD_CITUS_URL alone, and nothing else on that cluster
# Each guarantee, as docs/proof.md lists it, and the tests that try to break it.
ATTACKS = {
    "kills": ("Acknowledged writes are on disk", ["tests/chaos/test_kills.py"]),
    "worker": (
        "A text edited while it is embedded never gets a stale vector",
        ["tests/memories/jobs/test_indexer_process.py"],
    ),
    "provider": (
        "A failing embedding provider loses and blocks nothing",
        [
            "tests/chaos/test_provider.py",
            "tests/memories/providers/test_faults.py",
            "tests/memories/providers/test_server_habits.py",
            "tests/memories/jobs/test_recovery.py",
        ],
    ),
    "hosts": (
        "Texts go only to the host that users agreed to",
        ["tests/memories/providers/test_http_client.py", "tests/accounts/consent/test_embeddings.py"],
    ),
    "server": (
        "Slow clients, concurrent uses of one idempotency key and a database restart do no harm",
        ["tests/chaos/test_server.py", "tests/oauth/tokens/test_concurrency.py"],
    ),
    "one account": ("One person cannot slow the others", ["tests/chaos/test_one_account.py"]),
    "races": ("Of two concurrent deploys, one waits", ["tests/chaos/test_races.py"]),
    "disk": (
        "On a full disk, writes fail with an error message and nothing is lost",
        ["tests/chaos/test_disk_full.py"],
    ),
    "clock": ("A wrong clock changes nothing", ["tests/chaos/test_clock.py"]),
    "imports": (
        "An import does what its preview says, and nothing stays of it after the undo",
        ["tests/memories/portability/test_sample_cycle.py"],
    ),
    "forgeries": ("Forged tokens are rejected", ["tests/oauth/tokens/test_forged_tokens.py"]),
    "accounts": (
        "Another person's e-mail address opens nothing, and nobody learns who has an account",
        ["tests/accounts/login/test_squatted_addresses.py", "tests/accounts/login/test_equal_work.py"],
    ),
    "machine": (
        "No response contains data that its reader may not see",
        ["tests/state_machine", "tests/test_visibility.py"],
    ),
    "vectors": ("An answer from vectors in memory is never stale", ["tests/memories/search/cache"]),
    "pages": (
        "No page loads anything from another host or breaks its content security policy",
        ["tests/e2e/navigation/test_console.py"],
    ),
    "records": ("Every read is recorded", ["tests/records"]),
    "filters": ("A forgotten filter shows nothing", ["tests/test_row_security.py"]),
    "canaries": (
        "A stolen disk reveals no words and no secrets",
        ["tests/test_canaries.py", "tests/test_secrets_at_rest.py"],
    ),
    "keys": ("Wrong or missing settings stop the server", ["tests/picard/config/test_checks.py"]),
    "embedded": ("The embedded database recovers", ["tests/picard/postgres/test_manager.py"]),
    "backup": ("A backup can be restored", ["tests/picard/backups/test_dump.py"]),
    "replica": ("A replica answers nothing stale, and can take over", ["tests/test_replica.py"]),
    "pooler": (
        "Nothing of a request reaches another one through a pooler",
        ["tests/picard/database/test_pooler.py"],
    ),
    CLUSTER: ("A moving or dead node of a cluster loses no acknowledged write", ["tests/citus"]),
    "fuzz": ("Invalid input never causes a 5xx response", ["tests/memories/api/test_schemathesis.py"]),
}


@dataclass
class Outcome:
    """The result of one attack. `counts` are the lines that its tests recorded (tests/chaos/report.py)."""

    name: str
    promise: str
    commit: str
    began: str
    tests: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0
    counts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def proves(self) -> bool:
        """Whether tests ran and nothing failed or was lost. An attack whose tests were all skipped proves nothing."""
        lost = any(line["lost"] for line in self.counts)
        return self.tests > self.skipped and not self.failed and not lost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", action="append", choices=ATTACKS)
    parser.add_argument("--folder", type=Path, default=PROJECT / "docs")
    options = parser.parse_args()
    form, names = "short" if options.short else "long", options.only or list_attacks()
    results = load_earlier_results(options.folder, form) if options.only else {}
    all_proven, began = True, time.monotonic()
    for outcome in run_attacks(names, {} if options.short else LONG):
        results[outcome.name] = {**asdict(outcome), "proves": outcome.proves}
        minutes = None if options.only else round((time.monotonic() - began) / 60)
        write_results(form, results, options.folder, minutes=minutes)
        all_proven &= outcome.proves
    return int(not all_proven)


def list_attacks() -> list[str]:
    """Return the attacks that can run here; the page names the others."""
    return [name for name in ATTACKS if name != CLUSTER or os.environ.get("PICARD_CITUS_URL")]


def run_attacks(names: list[str], variables: dict[str, str]) -> Iterator[Outcome]:
    """Yield the outcome of each attack when it ends. Concurrent attacks use separate databases."""
    homes: SimpleQueue[str] = SimpleQueue()
    for number in range(AT_ONCE):
        homes.put(f"{get_picard_home()}-test{f'-{number}' if number else ''}")

    def run_in_own_home(name: str) -> Outcome:
        home = homes.get()
        try:
            return run_attack(name, {**variables, "PICARD_TEST_HOME": home})
        finally:
            homes.put(home)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = [name for name in LONGEST if name in names]
        ordered = [*first, *(name for name in names if name not in first)]
        for ended in as_completed([pool.submit(run_in_own_home, name) for name in ordered]):
            yield ended.result()


def load_earlier_results(folder: Path, form: str) -> dict[str, Any]:
    """Return the results of an earlier run of this form, by attack."""
    path = folder / "proof.json"
    proof = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {each["name"]: each for each in proof.get("attacks", [])} if proof.get("form") == form else {}


def run_attack(name: str, variables: dict[str, str]) -> Outcome:
    (promise, paths), began = ATTACKS[name], time.monotonic()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    outcome = Outcome(name, promise, run_command("git", "rev-parse", "--short", "HEAD"), now)
    with tempfile.TemporaryDirectory(prefix="picard-prove-") as folder:
        report, lines = Path(folder) / "report.xml", Path(folder) / "lines"
        environment = {**os.environ, **variables, "PICARD_PROOF": str(lines)}
        if name != CLUSTER:
            environment.pop("PICARD_CITUS_URL", None)
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *paths]
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        sys.stdout.write(
            f"{name}:\n{done.stdout.decode(errors='replace')}\n"
        )  # one write, so that concurrent attacks do not mix
        sys.stdout.flush()
        if report.exists():
            count_tests(outcome, ElementTree.parse(report).getroot())  # noqa: S314
        if lines.exists():
            outcome.counts = [json.loads(line) for line in lines.read_text().splitlines()]
    outcome.seconds = round(time.monotonic() - began)
    return outcome


def count_tests(outcome: Outcome, report: Any) -> None:
    for suite in report.iter("testsuite"):
        outcome.tests += int(suite.get("tests"))
        outcome.failed += int(suite.get("failures")) + int(suite.get("errors"))
        outcome.skipped += int(suite.get("skipped"))


def write_results(form: str, results: dict[str, Any], folder: Path, *, minutes: int | None) -> None:
    """Write the results. minutes: the duration; None if they come from several runs."""
    proof = {
        "form": form,
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "minutes": minutes,
        "attacks": [results[name] for name in ATTACKS if name in results],
        "not_run": [name for name in ATTACKS if name not in results],
    }
    (folder / "proof.json").write_text(json.dumps(proof, indent=2) + "\n", encoding="utf-8")
    (folder / "proof.md").write_text(render_page(proof), encoding="utf-8")


def render_page(proof: dict[str, Any]) -> str:
    """Return the results as a Markdown page."""
    rows = "".join(
        f"| {each['promise']} | {'yes' if each['proves'] else '**no**'} | {each['tests'] - each['skipped']} "
        f"| {each['failed']} | {each['skipped']} | {format_counts(each['counts'])} "
        f"| {each['seconds']} s | {each['began'][:16]}, {each['commit']} |\n"
        for each in proof["attacks"]
    )
    missing = ", ".join(proof["not_run"]) or "none"
    took = "in several runs" if proof["minutes"] is None else f"{proof['minutes']} minutes"
    return f"""# Proof

Results of `make prove`, which attacks every guarantee and counts the failures. Run it yourself: it does not read this
page. The same results as data: [proof.json](proof.json).

The {proof["form"]} form, Python {proof["python"]}, {proof["cores"]} cores, {took},
{AT_ONCE} attacks at a time.
Attacks that did not run: {missing}. A guarantee whose tests were all skipped counts as not proven.

| guarantee | holds | tests run | failed | skipped | counts | duration | start, commit |
|---|---|---|---|---|---|---|---|
{rows}"""


def format_counts(lines: list[dict[str, Any]]) -> str:
    """Return what the tests recorded, with one entry for all lines of the same attack."""
    totals: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        total = totals.setdefault((line["attack"], line["what"]), [0, 0])
        total[0] += line["tries"]
        total[1] += line["lost"]
    entries = (
        f"{attack}: {tries:,} tries, {lost} {what}" for (attack, what), (tries, lost) in totals.items()
    )
    return "; ".join(entries) or "-"


def run_command(*command: str) -> str:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
