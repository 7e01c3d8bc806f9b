"""`python -m benchmarks KIND`: measure on this machine, in a temporary database."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.languages import CODES

if TYPE_CHECKING:
    from benchmarks.report import Report

PEERS, WHOLE, QUALITY = "peers", "whole", "quality"
# The benchmarks and their environment variables.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # numpy's
UNLIMITED = {
    "API_REQUESTS_PER_MINUTE": "1000000000",
    "WORK_SECONDS_PER_MINUTE": "0",
    "READS_PER_APP_PER_DAY": "1000000000",
}
SERVING = {"EMBEDDING_PROVIDER": "local", **UNLIMITED}
FIXED_VECTOR = "benchmarks.corpus.FixedVectorProvider"
KINDS = {
    "search": {"EMBEDDING_PROVIDER": FIXED_VECTOR, "LOG_LEVEL": "ERROR", **ONE_THREAD},
    "write": {"EMBEDDING_PROVIDER": "local"},
    PEERS: {"EMBEDDING_PROVIDER": "benchmarks.peers.work.Provider", "LOG_LEVEL": "ERROR", **ONE_THREAD},
    "oauth": {"EMBEDDING_PROVIDER": FIXED_VECTOR},
    "row_security": {"EMBEDDING_PROVIDER": FIXED_VECTOR, "LOG_LEVEL": "ERROR", **ONE_THREAD, **UNLIMITED},
    "context": {"EMBEDDING_PROVIDER": FIXED_VECTOR, "LOG_LEVEL": "ERROR", **ONE_THREAD, **UNLIMITED},
    "insights": {"EMBEDDING_PROVIDER": FIXED_VECTOR, "LOG_LEVEL": "ERROR", **ONE_THREAD, **UNLIMITED},
    "pages": {"LOG_LEVEL": "ERROR", **SERVING},
    "http": SERVING,
    "ai": SERVING,
    WHOLE: {"LOG_LEVEL": "ERROR", **SERVING},
}
SIZES = {PEERS: 100_000, WHOLE: 2_000}  # of the comparisons: memories, or those of the user who searches
MODULES = {
    PEERS: "benchmarks.peers.comparison",
    WHOLE: "benchmarks.whole.comparison",
    "row_security": "benchmarks.servers.row_security",
    "context": "benchmarks.servers.context",
    "insights": "benchmarks.servers.insights",
    "pages": "benchmarks.servers.pages",
}  # default: benchmarks.<kind>


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a benchmark or the quality evaluation and return the exit code."""
    options = _parse_arguments(arguments)
    _set_up_django()
    if options.kind == QUALITY:
        from benchmarks.quality.command import measure_quality

        return measure_quality(
            options.data, options.json, is_persona=options.persona, language=options.language
        )
    from benchmarks import home

    if home.is_benchmark_home():
        _measure(options)
        return 0
    variables = dict(KINDS[options.kind])
    if options.quick and variables["EMBEDDING_PROVIDER"] == "local":
        variables["EMBEDDING_PROVIDER"] = FIXED_VECTOR
    code, folder = home.run_in_temporary_home(_build_arguments(options), variables, keep=options.keep)
    if options.keep:
        print(f"Kept {folder}")  # noqa: T201
    return code


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare Picard to a baseline or to other products, in a temporary database. Prints Markdown "
        "tables. The targets apply to an idle machine.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for name in KINDS:
        kind = kinds.add_parser(name)
        kind.add_argument(
            "--quick",
            action="store_true",
            help="only check that the benchmark runs; the results are meaningless",
        )
        kind.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
        kind.add_argument(
            "--keep", action="store_true", help="keep the temporary PICARD_HOME, and print its path"
        )
        if name in SIZES:
            kind.add_argument("--size", type=int, default=SIZES[name], help="number of memories")
            kind.add_argument("--systems", default="", help="systems to compare, separated by commas")
    quality = kinds.add_parser(QUALITY, help="evaluate search on questions whose answers are known")
    quality.add_argument(
        "--data",
        type=Path,
        help="file of conversations in the LoCoMo format; default: this project's own sets",
    )
    quality.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    quality.add_argument(
        "--persona",
        action="store_true",
        help="evaluate which questions a persona answers and refuses instead",
    )
    quality.add_argument(
        "--language",
        default="",
        choices=CODES,
        metavar="CODE",
        help="language of the evaluation's users, such as de or several; default: that of each set",
    )
    return parser.parse_args(arguments)


def _set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "picard.settings")
    import django

    django.setup()
    from core.db.roles import act_as_operator

    act_as_operator()


def _build_arguments(options: argparse.Namespace) -> list[str]:
    """Return the command line for the process in the temporary home."""
    arguments = [options.kind, *(["--quick"] if options.quick else [])]
    if options.json:
        arguments += ["--json", str(options.json.absolute())]
    if options.kind in SIZES:
        arguments += ["--size", str(options.size), "--systems", options.systems]
    return arguments


def _measure(options: argparse.Namespace) -> None:
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    benchmark = importlib.import_module(MODULES.get(options.kind, f"benchmarks.{options.kind}"))
    kwargs: dict[str, Any] = {"quick": options.quick, "log_progress": _log_progress}
    if options.kind in SIZES:
        kwargs |= {"size": options.size, "systems": [name for name in options.systems.split(",") if name]}
    report: Report = benchmark.run_benchmark(**kwargs)
    print(report.render_markdown())  # noqa: T201
    if options.json:
        report.write_json(options.json)


def _log_progress(text: str) -> None:
    print(f"… {text}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
