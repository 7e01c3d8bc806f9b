"""Evernote's ENEX files: XML with several notes, each as ENML, a kind of HTML.

The shape is documented at https://dev.evernote.com/doc/articles/enml.php and by its DTD, evernote-export4.dtd.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from lxml import etree

from memories.portability.files.parts import Part, make_file_error, open_part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.html_text import CHECKED, MAX_HTML_CHARACTERS, UNCHECKED, html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.markdown.note_text import begins_with, build_text, is_titleless
from memories.portability.readers.times import pick_time

CHUNK_BYTES = 65_536
# What is read of a note, by the element that it is in.
FIELDS = frozenset(
    {"note/title", "note/content", "note/created", "note/updated", "note/tag", "note-attributes/source-url",
     "task/title", "task/taskStatus"}
)  # fmt: skip
LOCKED = "<en-crypt"
MAX_DEPTH = 100
MAX_TAGS = 1_000


def _read_notes(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read notes one by one; what is attached to them is passed over and never kept."""
    collector = _NoteCollector()
    parser = etree.XMLParser(
        target=cast("etree.ParserTarget", collector),
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
    )  # fmt: skip
    with open_part(part) as file:
        try:
            while data := file.read(CHUNK_BYTES):
                parser.feed(data)
                yield from (_parse_note(note, context) for note in collector.take_notes())
            parser.close()
        except etree.XMLSyntaxError:
            yield from (_parse_note(note, context) for note in collector.take_notes())
            raise make_file_error(
                _("The XML is invalid or truncated. Export it again."), "broken_xml"
            ) from None


class _NoteCollector:
    """Collects the fields of notes from parser events."""

    def __init__(self) -> None:
        self._notes: list[dict[str, list[str]]] = []
        self._note: dict[str, list[str]] = {}
        self._path: list[str] = []
        self._text: list[str] | None = None  # of the open field
        self._length = 0

    def take_notes(self) -> list[dict[str, list[str]]]:
        """Return the notes that are complete, each only once."""
        notes, self._notes = self._notes, []
        return notes

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._path.append(tag)
        if len(self._path) > MAX_DEPTH:
            raise make_file_error(_("The XML is nested too deeply."), "too_deep")
        if tag == "note":
            self._note, self._length = {}, 0
        elif tag == "resource":
            self._note["resource"] = []
        elif "/".join(self._path[-2:]) in FIELDS:
            self._text = []

    def data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
            self._length += len(text)
            if self._length > MAX_HTML_CHARACTERS:
                raise make_file_error(_("An entry in the file is too large."), "entry_too_large")

    def end(self, tag: str) -> None:
        name = "/".join(self._path[-2:])
        del self._path[-1:]
        if tag == "note":
            self._notes.append(self._note)
        elif self._text is not None and name in FIELDS:
            values = self._note.setdefault(name, [])
            if len(values) < MAX_TAGS:
                values.append("".join(self._text).strip())
            self._text = None

    def comment(self, _text: str) -> None:
        pass

    def pi(self, _target: str, _data: str | None = None) -> None:
        pass

    def close(self) -> None:
        pass


def _parse_note(note: dict[str, list[str]], context: ReadContext) -> ReadResult:
    content = "".join(note.get("note/content", [])[:1])
    body, title = html_to_text(content), " ".join("".join(note.get("note/title", [])[:1]).split())
    has_attachments = "resource" in note or "<en-media" in content
    tasks = "\n".join(_list_tasks(note))
    if not body.strip() and not tasks and is_titleless(title):
        return SkippedEntry("no_text" if has_attachments else "blank")
    if is_titleless(title) or begins_with(body, title):
        title = ""
    address = "".join(note.get("note-attributes/source-url", [])[:1])
    times = (*note.get("note/created", []), *note.get("note/updated", []))
    created_at, notes = pick_time(times, context.zone)
    marks = ("attachments_dropped",) * has_attachments + ("fields_dropped",) * (LOCKED in content)
    return ImportItem(
        build_text(title, body, tasks, "" if address in body else address),
        tuple(note.get("note/tag", [])),
        created_at,
        notes=(*notes, *marks),
    )


def _list_tasks(note: dict[str, list[str]]) -> Iterator[str]:
    titles, states = note.get("task/title", []), note.get("task/taskStatus", [])
    for title, state in zip_longest(titles, states[: len(titles)], fillvalue=""):
        yield f"{CHECKED if state == 'completed' else UNCHECKED}{title}"


def _is_enex(start: PartStart) -> bool:
    return start.text.startswith("<") and "<en-export" in start.text[:4_000]


EVERNOTE = Format("evernote", gettext_lazy("Evernote export (ENEX)"), _is_enex, _read_notes)
