"""What an import says of each file that was given: what comes of it, and what does not and why.

The same report holds for the preview and after the run, which moves to "skipped" what it could not do.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from memories.models import ImportBatch

MAX_FILES = 1_000  # told by name; the others are summed up by kind
NEW, CHANGED, DUPLICATE = "new", "changed", "duplicate"  # what comes of an entry
UNPUBLISHED = "unpublished"  # duplicates that change if what is public in the file becomes public
MAX_COLUMNS = 100  # offered of a table
MAX_COLUMN_CHARACTERS = 500


@dataclass
class FileReport:
    """One file. kind: the format or the kind of file that it was taken for.

    name: empty for pasted text, and for the sum of `files` files that are not told by name. counts: "new", "changed",
    "duplicate". skipped: entries by reason (keys of REASONS). notes: imported memories by what is said of them (keys of
    NOTES). columns: of a table of which none is known. number: the place of the file among those of the import.
    """

    name: str
    kind: str
    files: int = 1
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    number: int = 0
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
        sums.setdefault(report.kind, FileReport("", report.kind, files=0, number=-1)).add(report)
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
            number=each["number"],
            columns=each["columns"],
        )
        for each in orjson.loads(value or "[]")
    ]


def count_all(reports: Iterable[FileReport]) -> dict[str, Any]:
    """Return the counts of an import: new, changed and duplicate memories; skipped entries and notes by their code."""
    total = FileReport("", "")
    for report in reports:
        total.add(report)
    counts: dict[str, Any] = {name: total.counts[name] for name in (NEW, CHANGED, DUPLICATE)}
    if total.counts[UNPUBLISHED]:
        counts[UNPUBLISHED] = total.counts[UNPUBLISHED]
    for name, counter in (("skipped", total.skipped), ("notes", total.notes)):
        counts[name] = {key: count for key, count in counter.most_common() if count}
    return counts


class RunReport:
    """Corrects the report of a running import where the run does something else than the preview said."""

    def __init__(self, batch: ImportBatch) -> None:
        self._batch = batch
        self._reports: list[FileReport] | None = None

    def skip(self, file: int, kind: str, expected: str | None, reason: str, count: int = 1) -> None:
        """Count entries as skipped that the preview counted as `expected`. file: its number; kind: its format."""
        skipped: dict[str, int] = self._batch.counts.setdefault("skipped", {})
        skipped[reason] = skipped.get(reason, 0) + count
        report = self._find(file, kind)
        report.skipped[reason] += count
        if expected is not None:
            self._batch.counts[expected] -= count
            report.counts[expected] -= count

    def publish(self) -> None:
        """Count as changed what changes because the user lets public memories be public."""
        if not (total := self._batch.counts.pop(UNPUBLISHED, 0)):
            return
        for report in self._load():
            count = report.counts.pop(UNPUBLISHED, 0)
            report.counts.update({CHANGED: count, DUPLICATE: -count})
        self._batch.counts[CHANGED] += total
        self._batch.counts[DUPLICATE] -= total
        self._batch.total += total

    def save(self) -> None:
        """Set the corrected report on the batch, which the caller saves."""
        if self._reports:
            self._batch.report = orjson.dumps(list(map(_dump, self._reports))).decode()

    def _load(self) -> list[FileReport]:
        if self._reports is None:
            self._reports = load_reports(self._batch.report)
        return self._reports

    def _find(self, file: int, kind: str) -> FileReport:
        """Return the report of a file, or the sum of its kind. Imports of earlier versions have neither."""
        reports = self._load()
        named = (report for report in reports if report.files == 1 and report.number == file)
        sums = (report for report in reports if not report.name and report.kind == kind)
        return next(named, None) or next(sums, None) or FileReport("", kind)


def _dump(report: FileReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "kind": report.kind,
        "files": report.files,
        "counts": _drop_zeros(report.counts),
        "skipped": _drop_zeros(report.skipped),
        "notes": _drop_zeros(report.notes),
        "number": report.number,
        "columns": report.columns,
    }


def _drop_zeros(counts: Counter[str]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count}
