"""`manage.py benchmark`: figures of this machine, from a database made for them and thrown away."""

import importlib
import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from picard.benchmarks import home
from picard.benchmarks.report import Report

PEERS = "peers"
# What is measured, and the environment it is measured with.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # numpy's
SERVING = {"EMBEDDING_PROVIDER": "local", "API_REQUESTS_PER_MINUTE": "1000000000"}
KINDS = {
    "search": {
        "EMBEDDING_PROVIDER": "picard.benchmarks.corpus.GivenVector",
        "LOG_LEVEL": "ERROR",
        **ONE_THREAD,
    },
    "write": {"EMBEDDING_PROVIDER": "local"},
    PEERS: {
        "EMBEDDING_PROVIDER": "picard.benchmarks.peers.work.Provider",
        "LOG_LEVEL": "ERROR",
        **ONE_THREAD,
    },
    "oauth": {"EMBEDDING_PROVIDER": "picard.benchmarks.corpus.GivenVector"},
    "http": SERVING,
    "ai": SERVING,
}


class Command(BaseCommand):
    help = (
        "Measure search, writing, the web server, what AI apps meet or an app's requests, beside the plainest way to "
        "do the same, or Picard beside its peers, in a database of its own. Prints tables in Markdown. The promises "
        "it compares with hold on a quiet machine."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("--quick", action="store_true", help="few and small: whether it runs, no figures")
        parser.add_argument("--size", type=int, default=100_000, help="peers: how many memories")
        parser.add_argument("--systems", default="", help="peers: which ones, with commas between")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
        parser.add_argument(
            "--keep", action="store_true", help="keep the temporary PICARD_HOME, and say where"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if home.is_ours():
            self._measure(options)
        else:
            self._run_apart(options)

    def _run_apart(self, options: dict[str, Any]) -> None:
        arguments = ["benchmark", options["kind"], *(["--quick"] if options["quick"] else [])]
        if options["json"]:
            arguments += ["--json", str(options["json"].absolute())]
        if options["kind"] == PEERS:
            arguments += ["--size", str(options["size"]), "--systems", options["systems"]]
        code, where = home.run_in_a_home(arguments, KINDS[options["kind"]], keep=options["keep"])
        if options["keep"]:
            self.stdout.write(f"Kept: {where}")
        sys.exit(code)

    def _measure(self, options: dict[str, Any]) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        benchmark = importlib.import_module(f"picard.benchmarks.{options['kind']}")
        how: dict[str, Any] = {"quick": options["quick"], "say": self._say}
        if options["kind"] == PEERS:
            how |= {
                "size": options["size"],
                "systems": [name for name in options["systems"].split(",") if name],
            }
        report: Report = benchmark.run(**how)
        self.stdout.write(report.markdown())
        if options["json"]:
            report.write_json(options["json"])

    def _say(self, text: str) -> None:
        self.stderr.write(f"… {text}")
