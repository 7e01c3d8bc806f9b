"""Graphs of Logseq: pages and journals in Markdown, with `key:: value` properties.

The shape is documented at https://docs.logseq.com (properties, journals); the folders are those of its file graphs.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.front_matter import Properties, split_front_matter
from memories.portability.readers.notes.markdown.note import MARKDOWN_SUFFIXES, build_note
from memories.portability.readers.notes.markdown.note_text import begins_with, is_titleless, parse_name_date
from memories.portability.readers.notes.markdown.properties import (
    NoteProperties,
    normalise_key,
    read_properties,
)

PROPERTY = re.compile(r"[ \t]*(?:- )?(?P<key>[A-Za-z][\w./-]{0,60}):: ?(?P<value>.*)")
# Of blocks: how the app shows and finds them.
TECHNICAL = re.compile(
    r"[ \t]*(?:- )?(?:id|collapsed|heading|background-color|logseq\.[\w.-]+|hl-[\w-]+|ls-type|query-[\w-]+|"
    r"created-at|updated-at):: ?.*"
)
MAX_PROPERTIES = 200
PAGES, JOURNALS = "pages", "journals"
SETTINGS_SUFFIXES = frozenset({".edn", ".css", ".js"})
BACKUP_FOLDER = "/logseq/bak/"
EMPTY_BULLETS = frozenset({"", "-"})


def _read_page(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read a page or the journal of a day as one memory."""
    properties, body = split_front_matter(read_text(part))
    found, lines = _split_properties(body)
    about = read_properties({**properties, **found}, context.zone)
    body = "\n".join(line for line in lines if not TECHNICAL.fullmatch(line)).strip("\n")
    lines = body.split("\n")
    while lines and lines[-1].strip() in EMPTY_BULLETS:
        lines.pop()
    body = "\n".join(lines)
    if not body and not about.lines:
        yield SkippedEntry("blank")
        return
    yield from build_note(part, _add_title(part, about, body, context), body, context.zone)


def _split_properties(body: str) -> tuple[Properties, list[str]]:
    """Return the properties of the page, which are the lines or the first block at its start, and the other lines."""
    properties: Properties = {}
    lines = body.split("\n")
    for number, line in enumerate(lines):
        match = PROPERTY.fullmatch(line)
        if match is None or number > MAX_PROPERTIES or (number and line.lstrip().startswith("- ")):
            if line.strip() not in ("", "-"):
                return properties, lines[number:]
        else:
            properties[match["key"]] = match["value"].strip()
    return properties, []


def _add_title(part: Part, about: NoteProperties, body: str, context: ReadContext) -> NoteProperties:
    """Add the name of the page, in which `%2F` and `___` stand for a slash; a journal has none."""
    name = unquote(part.stem).replace("___", "/")
    if about.title or is_titleless(name) or parse_name_date(name, context.zone)[1] or begins_with(body, name):
        return about
    return replace(about, title=name)


def _is_page(start: PartStart) -> bool:
    if not any(f"{name}/" in start.path for name in (PAGES, JOURNALS)):
        return False
    path = PurePosixPath(start.path)
    if path.suffix not in MARKDOWN_SUFFIXES or path.parent.name not in (PAGES, JOURNALS):
        return False
    if not start.part.size or not start.is_text:
        return False
    return str(path.parent.parent / "logseq" / "config.edn") in start.parts or _has_blocks(start, path)


def _has_blocks(start: PartStart, path: PurePosixPath) -> bool:
    """Return whether it is a page outside of a whole graph."""
    is_journal = path.parent.name == JOURNALS and re.fullmatch(r"\d{4}_\d\d_\d\d", path.stem) is not None
    first = start.text.partition("\n")[0]
    return is_journal or (normalise_key(first) != "" and PROPERTY.fullmatch(first) is not None)


def _is_backup(start: PartStart) -> bool:
    return BACKUP_FOLDER in f"/{start.path}"


LOGSEQ = Format("logseq", gettext_lazy("Logseq graph"), _is_page, _read_page)
LOGSEQ_SETTINGS = RefusedKind(
    "logseq_settings",
    gettext_lazy("settings of Logseq"),
    lambda start: start.suffix in SETTINGS_SUFFIXES and "/logseq/" in f"/{start.path}",
    "not_content",
)
LOGSEQ_BACKUP = RefusedKind("logseq_backup", gettext_lazy("Logseq backup"), _is_backup, "backup")
