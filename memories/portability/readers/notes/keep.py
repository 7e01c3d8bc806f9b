"""Google Keep, as Google Takeout gives it out: a JSON file for each note, and the same as HTML.

The shape is known from importers; the folder is named in the user's language, the keys are not.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

import orjson
from django.utils.translation import gettext_lazy
from lxml import html

from memories.portability.files.json_stream import JsonShape, iterate_values
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.html_text import CHECKED, UNCHECKED, html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.html_tree import find_all, find_text, parse_html, to_html
from memories.portability.readers.notes.json_values import Object, get_text
from memories.portability.readers.notes.markdown.note_text import build_text, is_titleless
from memories.portability.readers.times import pick_time

TIME_KEYS = ("createdTimestampUsec", "userEditedTimestampUsec")
CONTENT_KEYS = ("textContent", "listContent", "attachments", "annotations")
LABELS = "labels.txt"
LABEL_CHARACTERS = 225  # Keep's limit is 225
MAX_OTHERS = 10_000
MAX_LABELLED = 200


def _read_note(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    for value in iterate_values(part, ""):
        for note in value if isinstance(value, list) else [value]:
            yield _parse_note(note, context) if isinstance(note, dict) else SkippedEntry("not_a_memory")


def _parse_note(note: Object, context: ReadContext) -> ReadResult:
    if note.get("isTrashed") is True:
        return SkippedEntry("in_trash")
    title = get_text(note, "title").strip()
    body = get_text(note, "textContent") or html_to_text(get_text(note, "textContentHtml"))
    items = "\n".join(_list_items(note.get("listContent")))
    links = "\n".join(address for address in _list_addresses(note.get("annotations")) if address not in body)
    has_attachments = bool(note.get("attachments"))
    text = build_text(title, body, items, links)
    if not text:
        return SkippedEntry("no_text" if has_attachments else "blank")
    created_at, notes = pick_time([note[key] for key in TIME_KEYS if note.get(key)], context.zone)
    return ImportItem(
        text,
        tuple(_list_labels(note.get("labels"))),
        created_at,
        notes=(*notes, "attachments_dropped") if has_attachments else notes,
    )


def _list_items(items: object) -> Iterator[str]:
    """Yield the lines of a list, those that are checked too."""
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and (text := get_text(item, "text").strip()):
            yield f"{CHECKED if item.get('isChecked') is True else UNCHECKED}{text}"


def _list_addresses(annotations: object) -> Iterator[str]:
    for each in annotations if isinstance(annotations, list) else []:
        if isinstance(each, dict) and (address := get_text(each, "url")):
            yield address


def _list_labels(labels: object) -> Iterator[str]:
    for label in labels if isinstance(labels, list) else []:
        name = label.get("name") if isinstance(label, dict) else label
        if isinstance(name, str):
            yield name


# --- HTML -----------------------------------------------------------------------------------------------


def _read_html(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read the HTML of a note that came without its JSON."""
    root = parse_html(read_text(part))
    if find_all(root, "trash") or find_all(root, "trashed"):
        yield SkippedEntry("in_trash")
        return
    title = find_text(root, "title")
    body = "\n".join(_list_html_lines(root))
    has_attachments = bool(find_all(root, "attachments"))
    text = build_text("" if is_titleless(title) else title, body)
    if not text:
        yield SkippedEntry("no_text" if has_attachments else "blank")
        return
    created_at, notes = pick_time([find_text(root, "heading")], context.zone, local=True)
    tags = tuple(find_text(label, "label-name") for label in find_all(root, "label"))
    yield ImportItem(
        text, tags, created_at, notes=(*notes, "attachments_dropped") if has_attachments else notes
    )


def _list_html_lines(root: html.HtmlElement) -> Iterator[str]:
    for content in find_all(root, "content"):
        items = find_all(content, "listitem")
        for item in items:
            mark = CHECKED if "checked" in item.get("class", "").split() else UNCHECKED
            yield mark + (find_text(item, "text") or item.text_content().strip(" \n☐☑"))
            item.drop_tree()
        yield html_to_text(to_html(content))


# --- Recognising ----------------------------------------------------------------------------------------


def _is_note_shape(shape: JsonShape) -> bool:
    has_content = any(shape.has(key) for key in CONTENT_KEYS)
    return (shape.has("isTrashed") and (has_content or shape.has(TIME_KEYS[1]))) or (
        has_content and shape.has(TIME_KEYS[1])
    )


def _is_note(start: PartStart) -> bool:
    return _is_note_shape(start.json) or _is_note_shape(start.json.at("[]"))


def _is_html(start: PartStart) -> bool:
    if start.suffix not in (".html", ".htm"):
        return False
    return all(mark in start.text for mark in ('class="note"', 'class="heading"', 'class="content"'))


def _is_twin(start: PartStart) -> bool:
    """Return whether the same note is there as JSON."""
    if not _is_html(start):
        return False
    twin = start.parts.get(str(PurePosixPath(start.path).with_suffix(".json")))
    return twin is not None and _is_note(PartStart(twin))


def _is_label_list(start: PartStart) -> bool:
    """Return whether it is Keep's list of labels: it has no memories, and there are notes beside it.

    Its name is in the user's language; then it has a label of one of the notes.
    """
    lines = [line.strip() for line in start.text.split("\n")]
    if start.suffix != ".txt" or any(len(line) > LABEL_CHARACTERS for line in lines):
        return False
    folder = PurePosixPath(start.path).parent
    paths = (path for path in islice(start.parts, MAX_OTHERS) if path.endswith((".json", ".html")))
    others = (PartStart(start.parts[path]) for path in paths if PurePosixPath(path).parent == folder)
    if start.base_name == LABELS:
        return any(_is_note(other) or _is_html(other) for other in islice(others, 3))
    names = {
        label for other in islice(others, MAX_LABELLED) if _is_note(other) for label in _find_labels(other)
    }
    return not names.isdisjoint(lines)


def _find_labels(start: PartStart) -> Iterator[str]:
    if '"labels"' not in start.text:
        return
    try:
        note = orjson.loads(start.text)
    except orjson.JSONDecodeError:  # longer than what was read
        return
    yield from _list_labels(note.get("labels")) if isinstance(note, dict) else ()


KEEP = Format("keep", gettext_lazy("Google Keep"), _is_note, _read_note)
KEEP_HTML = Format("keep", gettext_lazy("Google Keep"), _is_html, _read_html)
KEEP_TWIN = RefusedKind("keep_twin", gettext_lazy("Google Keep (HTML)"), _is_twin, "same_content")
KEEP_LABELS = RefusedKind("keep_labels", gettext_lazy("list of labels"), _is_label_list, "not_content")
