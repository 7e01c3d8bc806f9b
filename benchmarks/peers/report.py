"""What the comparison found, as tables, and beside what was promised."""

import itertools
from collections.abc import Sequence

from benchmarks.clock import Times
from benchmarks.peers import dataset
from benchmarks.peers.adapters.base import FOUND
from benchmarks.peers.results import HYBRID, Found, Way
from benchmarks.peers.systems import SYSTEMS
from benchmarks.peers.work import Workload
from benchmarks.report import Report, format_number

OURS = "picard"
BY_MEANING = ("vector, its statement", "meaning")
MIN_RECALL = 0.95  # of the nearest ten, for a search to be compared with ours
MB = 1_000_000


def build_report(found: Found, work: Workload, memories: int, load: float) -> Report:
    said = Report(f"Beside peers: {memories:,} memories of {len(work.owners):,} people")
    big, small = _get_sizes(work)
    for size in (small, big):
        _report_searches(said, found, size)
    _report_adding(said, found)
    _add_bars(said, found, small, big)
    said.notes.extend(_build_notes(found, load))
    return said


def _get_sizes(work: Workload) -> tuple[int, int]:
    last = list(work.owners.values())[-1]
    return work.owners[dataset.LARGEST_OWNER][1], last[1] - last[0]


def _report_searches(said: Report, found: Found, size: int) -> None:
    table = said.add_table(
        f"Search of {size:,} memories",
        "system",
        "way",
        "p50, ms",
        "p99, ms",
        "recall@10",
        "of Picard's hybrid",
    )
    hybrid = _get_p50(found, (OURS, HYBRID), size)
    for ((name, way), of_size), taken in found.searched.items():
        if of_size == size and taken.ms:
            recall = found.recall.get(((name, way), size))
            table.rows.append(
                (
                    name,
                    way,
                    taken.p50,
                    taken.p99,
                    "–" if recall is None else format_number(recall),
                    taken.p50 / hybrid,
                )
            )


def _report_adding(said: Report, found: Found) -> None:
    table = said.add_table(
        "Adding, and what it takes",
        "system", "one: p50, ms", "p99, ms", "many: memories a second", "first search of an owner: p50, ms",
        "filled in, s", "on disk, MB",
    )  # fmt: skip
    for name, taken in found.added.items():
        first = next((times for (system, _), times in found.first.items() if system == name), None)
        rate = 1000 / found.many[name].p50 if name in found.many and found.many[name].ms else float("nan")
        table.rows.append(
            (
                name, taken.p50, taken.p99, rate, first.p50 if first else float("nan"),
                found.filled_s.get(name, float("nan")), found.disk.get(name, 0) / MB,
            )
        )  # fmt: skip


def _add_bars(said: Report, found: Found, small: int, big: int) -> None:
    for size, way in itertools.product((small, big), BY_MEANING):
        share = found.recall.get(((OURS, way), size))
        if share is not None:
            said.add_bar(f"recall@{FOUND} of Picard's {way}, {size:,}", share, 0.999, at_least=True)
    together = [name for name in _list_peers(found) if not SYSTEMS[name].is_apart]
    for peers in dict.fromkeys((tuple(together), tuple(_list_peers(found)))):
        _add_search_bars(said, found, peers, small, big)
    indexed = {name: taken for name, taken in found.added.items() if SYSTEMS[name].has_index and taken.ms}
    if indexed and OURS in found.added:
        name = min(indexed, key=lambda each: indexed[each].p50)
        said.add_bar(f"add one: of {name}", found.added[OURS].p50 / indexed[name].p50, 1, " ×")


def _add_search_bars(said: Report, found: Found, peers: Sequence[str], small: int, big: int) -> None:
    """Beside the fastest of these peers; with many memories, of those that find enough."""
    if fastest := _find_fastest(found, peers, small, 0):
        theirs = _get_p50(found, fastest, small)
        for way in BY_MEANING:
            faster = theirs / _get_p50(found, (OURS, way), small)
            said.add_bar(
                f"{way}, {small:,}: faster than {_format_variant(fastest)}", faster, 5, " ×", at_least=True
            )
        hybrid = _get_p50(found, (OURS, HYBRID), small) / theirs
        said.add_bar(f"whole hybrid call, {small:,}: of {_format_variant(fastest)}", hybrid, 1.5, " ×")
    if accurate := _find_fastest(found, peers, big, MIN_RECALL):
        theirs = _get_p50(found, accurate, big)
        for way in BY_MEANING:
            said.add_bar(
                f"{way}, {big:,}: of {_format_variant(accurate)}",
                _get_p50(found, (OURS, way), big) / theirs,
                1.25,
                " ×",
            )
        hybrid = _get_p50(found, (OURS, HYBRID), big) / theirs
        said.add_bar(f"whole hybrid call, {big:,}: of {_format_variant(accurate)}", hybrid, 3, " ×")


def _build_notes(found: Found, load: float) -> list[str]:
    notes = [f"Load {load:.1f} at the start, {found.load_timed:.1f} when all were filled."]
    notes += [_describe_sealing(found)] if "picard unsealed" in found.added else []
    if OURS in found.until_found and found.until_found[OURS].ms:
        watched = found.until_found[OURS]
        notes.append(
            f"From adding to being found by meaning, a worker running: p50 {format_number(watched.p50)} ms, p99 "
            f"{format_number(watched.p99)} ms. The peers embed within the call that adds."
        )
    for name, ms in found.embedded.items():
        notes.append(
            f"The worker of {name} took {format_number(ms)} ms a memory for the vectors of those added."
        )
    versions = {package: number for each in found.versions.values() for package, number in each.items()}
    notes.append(
        "Versions: " + ", ".join(f"{package} {one}" for package, one in sorted(versions.items())) + "."
    )
    notes += [f"{name} failed: {error}" for name, error in found.failed.items()]
    return notes


def _describe_sealing(found: Found) -> str:
    return "With sealing, of without: " + ", ".join(
        [
            f"add one {format_number(_compute_sealing_ratio(found.added))}",
            *(
                f"{way} of {size:,} {format_number(ours.p50 / found.searched[('picard unsealed', way), size].p50)}"
                for ((name, way), size), ours in found.searched.items()
                if name == OURS
            ),
            f"on disk {format_number(found.disk[OURS] / found.disk['picard unsealed'])}.",
        ]
    )


def _compute_sealing_ratio(taken: dict[str, Times]) -> float:
    return taken[OURS].p50 / taken["picard unsealed"].p50


def _get_p50(found: Found, way: Way, size: int) -> float:
    taken = found.searched.get((way, size))
    return taken.p50 if taken else float("nan")


def _list_peers(found: Found) -> list[str]:
    return [name for name in found.added if not SYSTEMS[name].is_picard]


def _find_fastest(found: Found, peers: Sequence[str], size: int, recall: float) -> Way | None:
    """Of the peers' ways that find enough."""
    ways = {
        way: taken.p50
        for (way, of_size), taken in found.searched.items()
        if of_size == size and way[0] in peers and taken.ms and found.recall.get((way, size), 0) >= recall
    }
    return min(ways, key=ways.__getitem__) if ways else None


def _format_variant(way: Way) -> str:
    return f"{way[0]} ({way[1]})"
