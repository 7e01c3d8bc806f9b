"""Benchmark reports: tables of results and the targets they are checked against, as Markdown and JSON."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

LOOP = 1_000_000


@dataclass(frozen=True)
class Table:
    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)


@dataclass(frozen=True)
class Bar:
    """A promise and the measured figure, which must be at most `limit`, or at least if `at_least`."""

    promise: str
    figure: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


@dataclass(frozen=True)
class Report:
    title: str
    tables: list[Table] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_table(self, title: str, *columns: str) -> Table:
        self.tables.append(Table(title, columns))
        return self.tables[-1]

    def add_bar(
        self, promise: str, figure: float, limit: float, unit: str = "", *, at_least: bool = False
    ) -> None:
        self.bars.append(Bar(promise, figure, limit, unit, at_least))

    def render_markdown(self) -> str:
        parts = [f"## {self.title}", describe_machine(), *(_render_table(table) for table in self.tables)]
        parts += [_render_table(self._build_promises()), "\n".join(f"- {note}" for note in self.notes)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def write_json(self, path: Path) -> None:
        bars = [{**asdict(bar), "is_met": bar.is_met} for bar in self.bars]
        data = {**asdict(self), "bars": bars, "machine": describe_machine()}
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def _build_promises(self) -> Table:
        table = Table("Promises", ("promise", "measured", "target", ""))
        for bar in self.bars:
            sign = "≥" if bar.at_least else "≤"
            limit = f"{sign} {format_number(bar.limit)}{bar.unit}"
            verdict = "met" if bar.is_met else "**missed**"
            table.rows.append((bar.promise, f"{format_number(bar.figure)}{bar.unit}", limit, verdict))
        return table


def format_number(value: float) -> str:
    """Format with three significant digits, or all digits of an integer."""
    if value != value:  # NaN: no measurement
        return "–"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}" if 0.99 < value < 1 else f"{value:.3g}"


def describe_machine() -> str:
    """Describe the machine and its load."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"load {os.getloadavg()[0]:.1f} at the end, {_time_loop_ms():.0f} ms of CPU for a loop of {LOOP:,}"
    return f"{cores} cores ({platform.machine()}), Python {platform.python_version()}, {load}."


def _time_loop_ms() -> float:
    """Measure the CPU time of a reference loop, to compare machines and their load."""
    started_at = time.process_time()
    total = 0
    for each in range(LOOP):
        total += each
    return (time.process_time() - started_at) * 1000


def _render_table(table: Table) -> str:
    lines = [f"### {table.title}", "", _render_row(table.columns), _render_row(["---"] * len(table.columns))]
    return "\n".join([*lines, *(_render_row([_format_cell(cell) for cell in row]) for row in table.rows)])


def _render_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format_cell(value: object) -> str:
    return format_number(value) if isinstance(value, int | float) else str(value)
