"""What an import says of each file that was given: what comes of it, and what does not and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

MAX_FILES = 1_000  # told by name; the others are summed up by kind
MAX_COLUMNS = 100  # offered of a table
MAX_COLUMN_CHARACTERS = 500


@dataclass
class FileReport:
    """One file. kind: the format or the kind of file that it was taken for.

    name: empty for pasted text, and for the sum of `files` files that are not told by name. counts: "new", "changed",
    "duplicate". skipped: entries by reason (keys of REASONS). notes: imported memories by what is said of them (keys of
    NOTES). columns: of a table of which none is known.
    """

    name: str
    kind: str
    files: int = 1
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    columns: list[str] = field(default_factory=list)

    @property
    def is_imported(self) -> bool:
        return any(self.counts.values())

    def add(self, other: "FileReport") -> None:
        self.files += other.files
        self.counts.update(other.counts)
        self.skipped.update(other.skipped)
        self.notes.update(other.notes)
        self.add_columns(other.columns)

    def add_columns(self, columns: Iterable[str]) -> None:
        new = (
            name[:MAX_COLUMN_CHARACTERS]
            for name in columns
            if name[:MAX_COLUMN_CHARACTERS] not in self.columns
        )
        self.columns += dict.fromkeys(islice(new, MAX_COLUMNS - len(self.columns)))


def dump_reports(reports: Iterable[FileReport]) -> str:
    """Serialize for the encrypted row of the import: MAX_FILES by name, those with something left out first."""
    ordered = sorted(reports, key=lambda report: not report.skipped)
    sums: dict[str, FileReport] = {}
    for report in ordered[MAX_FILES:]:
        sums.setdefault(report.kind, FileReport("", report.kind, files=0)).add(report)
    return orjson.dumps([_dump(report) for report in (*ordered[:MAX_FILES], *sums.values())]).decode()


def load_reports(value: str | None) -> list[FileReport]:
    return [
        FileReport(
            each["name"],
            each["kind"],
            each["files"],
            counts=Counter(each["counts"]),
            skipped=Counter(each["skipped"]),
            notes=Counter(each["notes"]),
            columns=each.get("columns", []),
        )
        for each in orjson.loads(value or "[]")
    ]


def _dump(report: FileReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "kind": report.kind,
        "files": report.files,
        "counts": _drop_zeros(report.counts),
        "skipped": _drop_zeros(report.skipped),
        "notes": _drop_zeros(report.notes),
        "columns": report.columns,
    }


def _drop_zeros(counts: Counter[str]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count}
