"""Results of the comparison of servers."""

from dataclasses import dataclass, field

from benchmarks.clients import Load

SEARCH, ADD, ADD_INDEXED = "search", "add", "add, until it can be found"
Measured = tuple[str, str, str, int]  # operation, server, protocol, connections


@dataclass
class Results:
    """Loads by what was measured. found: share of questions whose memory was in the answer, by server and protocol."""

    loads: dict[Measured, Load] = field(default_factory=dict)
    found: dict[tuple[str, str], float] = field(default_factory=dict)
    failures: dict[tuple[str, str, str], str] = field(
        default_factory=dict
    )  # first failed answer of each call
    not_run: dict[str, str] = field(default_factory=dict)  # reason by server
    versions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    without_embedding: set[str] = field(default_factory=set)

    def add_load(self, measured: Measured, load: Load) -> None:
        self.loads.setdefault(measured, Load()).add(load)
