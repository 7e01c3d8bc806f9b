"""Report a comparison: result tables and targets."""

import itertools
from collections.abc import Sequence

from benchmarks.clock import Times
from benchmarks.peers import dataset
from benchmarks.peers.adapters.base import RESULT_COUNT
from benchmarks.peers.results import HYBRID, ComparisonResults, Variant
from benchmarks.peers.systems import SYSTEMS
from benchmarks.peers.work import Workload
from benchmarks.report import Report, format_number

PICARD = "picard"
SEMANTIC_METHODS = ("vector statement", "semantic")
SPEEDUPS = {"vector statement": 5.0, "semantic": 2.2}  # of few memories, over the fastest other product
MIN_RECALL = 0.95  # of the nearest ten, for a search to be compared with Picard's
MB = 1_000_000


def build_report(results: ComparisonResults, work: Workload, memories: int, load: float) -> Report:
    report = Report(f"Comparison with other products: {memories:,} memories of {len(work.owners):,} users")
    large, small = _get_sizes(work)
    for size in (small, large):
        _report_searches(report, results, size)
    _report_adding(report, results)
    _add_bars(report, results, small, large)
    report.notes.extend(_build_notes(results, load))
    return report


def _get_sizes(work: Workload) -> tuple[int, int]:
    last = list(work.owners.values())[-1]
    return work.owners[dataset.LARGEST_OWNER][1], last[1] - last[0]


def _report_searches(report: Report, results: ComparisonResults, size: int) -> None:
    table = report.add_table(
        f"Search of {size:,} memories",
        "system",
        "method",
        "p50, ms",
        "p99, ms",
        "recall@10",
        "relative to Picard's hybrid",
    )
    hybrid = _get_p50(results, (PICARD, HYBRID), size)
    for ((name, method), measured_size), times in results.searched.items():
        if measured_size == size and times.ms:
            recall = results.recall.get(((name, method), size))
            table.rows.append(
                (
                    name,
                    method,
                    times.p50,
                    times.p99,
                    "–" if recall is None else format_number(recall),
                    times.p50 / hybrid,
                )
            )


def _report_adding(report: Report, results: ComparisonResults) -> None:
    table = report.add_table(
        "Adding memories",
        "system", "add one: p50, ms", "p99, ms", "add many: memories per second", "first search of a user: p50, ms",
        "load time, s", "on disk, MB",
    )  # fmt: skip
    for name, times in results.added.items():
        first = next((times for (system, _), times in results.first.items() if system == name), None)
        rate = (
            1000 / results.many[name].p50 if name in results.many and results.many[name].ms else float("nan")
        )
        table.rows.append(
            (
                name, times.p50, times.p99, rate, first.p50 if first else float("nan"),
                results.filled_s.get(name, float("nan")), results.disk.get(name, 0) / MB,
            )
        )  # fmt: skip


def _add_bars(report: Report, results: ComparisonResults, small: int, large: int) -> None:
    for size, method in itertools.product((small, large), SEMANTIC_METHODS):
        share = results.recall.get(((PICARD, method), size))
        if share is not None:
            report.add_bar(
                f"recall@{RESULT_COUNT} of Picard's {method}, {size:,}", share, 0.999, at_least=True
            )
    shared_index_peers = [name for name in _list_peers(results) if not SYSTEMS[name].has_index_per_owner]
    for peers in dict.fromkeys((tuple(shared_index_peers), tuple(_list_peers(results)))):
        _add_search_bars(report, results, peers, small, large)
    indexed = {name: times for name, times in results.added.items() if SYSTEMS[name].has_index and times.ms}
    if indexed and PICARD in results.added:
        name = min(indexed, key=lambda each: indexed[each].p50)
        report.add_bar(f"add one: relative to {name}", results.added[PICARD].p50 / indexed[name].p50, 1, " ×")


def _add_search_bars(
    report: Report, results: ComparisonResults, peers: Sequence[str], small: int, large: int
) -> None:
    """Compare with the fastest of these peers; at many memories, only those with sufficient recall."""
    if fastest := _find_fastest(results, peers, small, 0):
        peer_p50 = _get_p50(results, fastest, small)
        for method in SEMANTIC_METHODS:
            speedup = peer_p50 / _get_p50(results, (PICARD, method), small)
            report.add_bar(
                f"{method}, {small:,}: faster than {_format_variant(fastest)}",
                speedup,
                SPEEDUPS[method],
                " ×",
                at_least=True,
            )
        hybrid = _get_p50(results, (PICARD, HYBRID), small) / peer_p50
        report.add_bar(f"hybrid, {small:,}: relative to {_format_variant(fastest)}", hybrid, 1.5, " ×")
    if accurate := _find_fastest(results, peers, large, MIN_RECALL):
        peer_p50 = _get_p50(results, accurate, large)
        for method in SEMANTIC_METHODS:
            report.add_bar(
                f"{method}, {large:,}: relative to {_format_variant(accurate)}",
                _get_p50(results, (PICARD, method), large) / peer_p50,
                1.25,
                " ×",
            )
        hybrid = _get_p50(results, (PICARD, HYBRID), large) / peer_p50
        report.add_bar(f"hybrid, {large:,}: relative to {_format_variant(accurate)}", hybrid, 3, " ×")


def _build_notes(results: ComparisonResults, load: float) -> list[str]:
    notes = [f"Load {load:.1f} at the start, {results.load_timed:.1f} after loading."]
    notes += [_describe_sealing(results)] if "picard unsealed" in results.added else []
    if PICARD in results.indexing_delay and results.indexing_delay[PICARD].ms:
        delays = results.indexing_delay[PICARD]
        notes.append(
            f"From adding to semantic search, with a running worker: p50 {format_number(delays.p50)} ms, p99 "
            f"{format_number(delays.p99)} ms. The other products embed within the call that adds."
        )
    for name, ms in results.embedded.items():
        notes.append(f"The worker of {name} took {format_number(ms)} ms per added memory for its vectors.")
    versions = {package: number for each in results.versions.values() for package, number in each.items()}
    notes.append(
        "Versions: "
        + ", ".join(f"{package} {release}" for package, release in sorted(versions.items()))
        + "."
    )
    notes += [f"{name} failed: {error}" for name, error in results.failed.items()]
    return notes


def _describe_sealing(results: ComparisonResults) -> str:
    ratios = [f"add one {format_number(_compute_sealing_ratio(results.added))}"]
    for ((name, method), size), sealed in results.searched.items():
        if name == PICARD:
            unsealed = results.searched[("picard unsealed", method), size]
            ratios.append(f"{method} at {size:,} {format_number(sealed.p50 / unsealed.p50)}")
    ratios.append(f"on disk {format_number(results.disk[PICARD] / results.disk['picard unsealed'])}")
    return f"Cost of encryption, as a ratio: {', '.join(ratios)}."


def _compute_sealing_ratio(times: dict[str, Times]) -> float:
    return times[PICARD].p50 / times["picard unsealed"].p50


def _get_p50(results: ComparisonResults, method: Variant, size: int) -> float:
    times = results.searched.get((method, size))
    return times.p50 if times else float("nan")


def _list_peers(results: ComparisonResults) -> list[str]:
    return [name for name in results.added if not SYSTEMS[name].is_picard]


def _find_fastest(
    results: ComparisonResults, peers: Sequence[str], size: int, recall: float
) -> Variant | None:
    """Return the fastest variant of these peers with at least this recall."""
    variants = {
        method: times.p50
        for (method, measured_size), times in results.searched.items()
        if measured_size == size
        and method[0] in peers
        and times.ms
        and results.recall.get((method, size), 0) >= recall
    }
    return min(variants, key=variants.__getitem__) if variants else None


def _format_variant(method: Variant) -> str:
    return f"{method[0]} ({method[1]})"
