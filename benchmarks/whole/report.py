"""Report a comparison of servers: requests per second and latencies, and what did not run and why."""

from django.conf import settings

from benchmarks.clock import build_times
from benchmarks.report import Report
from benchmarks.whole.calls import REST
from benchmarks.whole.results import ADD, ADD_INDEXED, SEARCH, Results

PICARD = "picard"
OPERATIONS = (SEARCH, ADD, ADD_INDEXED)


def build_report(results: Results, searched: int, users: int, load: float) -> Report:
    report = Report(f"Whole requests: {searched:,} memories of the user who searches, {users} users")
    for operation in OPERATIONS:
        _report_operation(report, results, operation)
    _add_bars(report, results)
    report.notes.append(
        f"Load {load:.1f} at the start. Picard has {settings.WEB_WORKERS} web workers with {settings.WEB_THREADS} "
        "threads each and a running worker. The servers are called in turns; the client runs on the same cores. An "
        "answer without a hit is an error."
    )
    report.notes.extend(f"{name}: {note}" for name, note in results.notes.items() if note)
    report.notes.extend(f"{name} did not run: {reason}" for name, reason in results.not_run.items())
    report.notes.extend(
        f"{name}, {protocol}, {operation}: first error: {answer}"
        for (operation, name, protocol), answer in results.failures.items()
    )
    versions = ", ".join(f"{package} {release}" for package, release in sorted(results.versions.items()))
    report.notes.append(f"Versions: {versions}.")
    return report


def _report_operation(report: Report, results: Results, operation: str) -> None:
    is_search = operation == SEARCH
    columns = ["server", "protocol", "connections", "requests per second"]
    columns += ["relative to picard", "p50, ms", "p99, ms", "errors", *(["found"] if is_search else [])]
    table = report.add_table(operation.capitalize(), *columns)
    order = list(results.notes)
    for (measured, name, protocol, count), load in sorted(
        results.loads.items(), key=lambda item: (order.index(item[0][1]), item[0][2] != REST, item[0][3])
    ):
        if measured == operation:
            times = build_times([] if operation == ADD_INDEXED else load.ms)
            picard = _get_rate(results, operation, PICARD, REST, count)
            row = [name, protocol, count, load.requests_per_second, load.requests_per_second / picard]
            row += [
                times.p50,
                times.p99,
                load.errors,
                *([results.found.get((name, protocol), "–")] if is_search else []),
            ]
            table.rows.append(row)


def _add_bars(report: Report, results: Results) -> None:
    errors = sum(load.errors for (_, name, _, _), load in results.loads.items() if name == PICARD)
    report.add_bar("errors of picard", errors, 0)
    for operation in (SEARCH, ADD):
        for count in dict.fromkeys(count for _, _, _, count in results.loads):
            if fastest := _find_fastest(results, operation, count):
                name, protocol = fastest
                ratio = _get_rate(results, operation, PICARD, REST, count) / _get_rate(
                    results, operation, name, protocol, count
                )
                report.add_bar(
                    f"{operation}, {count} connections: requests/s relative to {name} ({protocol})",
                    ratio, 1, " ×", at_least=True,
                )  # fmt: skip


def _find_fastest(results: Results, operation: str, count: int) -> tuple[str, str] | None:
    """Return the fastest other server that embeds, and its protocol."""
    rates = {
        (name, protocol): load.requests_per_second
        for (measured, name, protocol, connections), load in results.loads.items()
        if (measured, connections) == (operation, count)
        and name != PICARD
        and name not in results.without_embedding
    }
    return max(rates, key=rates.__getitem__, default=None)


def _get_rate(results: Results, operation: str, name: str, protocol: str, count: int) -> float:
    load = results.loads.get((operation, name, protocol, count))
    return load.requests_per_second if load and load.ms else float("nan")
