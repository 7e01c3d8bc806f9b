"""Standard Notes: the decrypted backup, JSON with notes and tags, and each of them as a file beside it.

The shape is known from importers; an encrypted backup has texts in place of contents.
"""

from collections.abc import Iterator

import orjson
from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.notes.json_values import Object, get_object, get_text, list_objects
from memories.portability.readers.notes.markdown.note_text import begins_with, build_text
from memories.portability.readers.times import pick_time

BACKUP = "standard notes backup and import file"
APP_KEY = "org.standardnotes.sn"
RICH_TEXT = '{"root":'
LINE_NODES = frozenset({"paragraph", "heading", "quote", "listitem", "code", "table", "tablerow"})


def _read_backup(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    tags: dict[str, list[str]] = {}
    for item in iterate_values(part, "items.item"):
        if isinstance(item, dict) and item.get("content_type") == "Tag":
            content = get_object(item, "content")
            for reference in list_objects(content.get("references")):
                tags.setdefault(get_text(reference, "uuid"), []).append(get_text(content, "title"))
    for item in iterate_values(part, "items.item"):
        if not isinstance(item, dict):
            yield SkippedEntry("not_a_memory")
        elif item.get("content_type") == "Note":
            yield _parse_note(item, tags, context)


def _parse_note(item: Object, tags: dict[str, list[str]], context: ReadContext) -> ReadResult:
    if isinstance(item.get("content"), str):
        return SkippedEntry("unreadable")
    content = get_object(item, "content")
    if content.get("trashed") is True or item.get("deleted") is True:
        return SkippedEntry("in_trash")
    title, text = get_text(content, "title").strip(), _read_text(get_text(content, "text"))
    if not text.strip() and not title:
        return SkippedEntry("blank")
    app = get_object(get_object(content, "appData"), APP_KEY)
    times = (item.get("created_at"), app.get("client_updated_at"), item.get("updated_at"))
    created_at, notes = pick_time([time for time in times if time], context.zone)
    own_id = get_text(item, "uuid")
    return ImportItem(
        build_text("" if begins_with(text, title) else title, text),
        tuple(tags.get(own_id, ())),
        created_at,
        notes=notes,
        file_id=own_id or None,
    )


def _read_text(text: str) -> str:
    """Return the text of a note; a rich one is JSON of the Lexical editor, or HTML."""
    if text.startswith(RICH_TEXT):
        try:
            return "".join(_list_rich_text(orjson.loads(text))).strip()
        except orjson.JSONDecodeError:
            return text
    return html_to_text(text) if text.startswith(("<p>", "<div>", "<h1>", "<ul>")) else text


def _list_rich_text(root: object) -> Iterator[str]:
    """Yield the texts of nodes in order, each line with its end."""
    pending: list[object] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            if "root" in node:
                pending.append(node["root"])
                continue
            kind, children = node.get("type"), node.get("children")
            yield get_text(node, "text") or (
                "\n" if kind == "linebreak" else "- " if kind == "listitem" else ""
            )
            pending += ["\n"] if kind in LINE_NODES else []
            pending += reversed(children) if isinstance(children, list) else []


def _is_backup(start: PartStart) -> bool:
    items = start.json.at("items", ITEMS)
    return items.has("content_type", "uuid") and items.has("content")


def _is_twin(start: PartStart) -> bool:
    """Return whether the file is one of those beside the backup: `Items/Note/<title>.txt`."""
    root, folder, _rest = f"/{start.path}".partition("/items/")
    names = (f"{root}/{BACKUP}{ending}".lstrip("/") for ending in (".txt", ".json", " txt.txt"))
    return bool(folder) and any(name in start.parts for name in names)


STANDARD_NOTES = Format("standard_notes", gettext_lazy("Standard Notes backup"), _is_backup, _read_backup)
STANDARD_NOTES_TWIN = RefusedKind(
    "standard_notes_twin", gettext_lazy("item of the Standard Notes backup"), _is_twin, "same_content"
)
