"""Todoist: the CSV of a project (a template or backup).

Source: Todoist's help on its CSV: TYPE (task, section, note, meta), CONTENT, DESCRIPTION, PRIORITY, INDENT, AUTHOR,
RESPONSIBLE, DATE, DATE_LANG, TIMEZONE.
"""

from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.tables.named_rows import has_columns, read_named_rows

COLUMNS = ("type", "content", "priority", "indent")


def _read_todoist(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    """Read each task with its description, date and comments; the section is its tag."""
    section = ""
    task: ImportItem | None = None
    for row in read_named_rows(part):
        kind = "" if row is None else row["type"].strip().lower()
        if row is None:
            yield SkippedEntry("not_a_memory")
        elif kind == "section":
            section = row["content"].strip()
        elif kind == "note" and task is not None and row["content"].strip():
            task = replace(task, text=f"{task.text}\n{row['content'].strip()}")
        elif row["content"].strip() and kind != "meta":
            if task is not None:
                yield task
            task = ImportItem(_build_text(row), (section,) if section else ())
        elif kind == "task":
            yield SkippedEntry("blank")
    if task is not None:
        yield task


def _build_text(row: dict[str, str]) -> str:
    date = row.get("date", "").strip()
    parts = (
        row["content"].strip(),
        row.get("description", "").strip(),
        _("Date: %(date)s") % {"date": date} if date else "",
    )
    return "\n".join(filter(None, parts))


TODOIST = Format(
    "todoist", gettext_lazy("Todoist export"), lambda start: has_columns(start, COLUMNS), _read_todoist
)
