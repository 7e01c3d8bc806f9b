"""OpenMemory, mem0's local memory server.

The shapes are those of github.com/mem0ai/mem0, openmemory/api: the backup zip of /api/v1/backup/export (memories.json
with the tables, memories.jsonl.gz with a memory a line), and the list of /api/v1/memories.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_lines, iterate_values, read_shape
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import get_own_id, list_ids, parse_entry

BACKUP, LINES = "memories.json", "memories.jsonl"


def _is_openmemory(start: PartStart) -> bool:
    shape = start.json
    return (
        _is_memory(start.lines, "categories", "app")
        or (
            _is_memory(shape.at("memories", ITEMS), "category_ids")
            or shape.has("memory_categories", "memories")
        )
        or _is_memory(shape.at("items", ITEMS), "categories")
        or _is_memory(shape.at(ITEMS), "app_id", "categories")
    )


def _is_memory(shape: JsonShape, *keys: str) -> bool:
    return shape.has("state", *keys) and (shape.has("content") or shape.has("memory"))


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if PartStart(part).lines.kinds:
        return _read_lines(part, context)
    return _read_document(part, context)


def _read_lines(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read the lines of a backup, unless the tables beside them have the same memories."""
    if part.base_name == LINES and str(PurePosixPath(part.path).with_name(BACKUP)) in context.parts:
        yield SkippedEntry("same_content", sum(1 for _value in iterate_lines(part)))
        return
    for value in iterate_lines(part):
        if isinstance(value, dict):
            yield parse_entry(value, context)
        else:
            yield SkippedEntry("not_json" if isinstance(value, ValueError) else "not_a_memory")


def _read_document(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    shape = read_shape(part)
    path = "item" if shape.is_list else "memories.item" if shape.has("memories") else "items.item"
    names = dict(_iterate_categories(part)) if shape.has("memories") else {}
    links = _load_category_links(part) if names else {}
    for value in iterate_values(part, path):
        if not isinstance(value, dict):
            yield SkippedEntry("not_a_memory")
            continue
        ids = [*list_ids(value.get("category_ids")), *links.get(get_own_id(value) or "", [])]
        yield parse_entry(
            value, context, tags=[names[each] for each in ids if isinstance(each, str) and each in names]
        )


def _iterate_categories(part: Part) -> Iterator[tuple[str, str]]:
    for value in iterate_values(part, "categories.item"):
        if (
            isinstance(value, dict)
            and isinstance(value.get("id"), str)
            and isinstance(value.get("name"), str)
        ):
            yield value["id"], value["name"]


def _load_category_links(part: Part) -> dict[str, list[object]]:
    """Return the categories of each memory by its ID."""
    links: dict[str, list[object]] = {}
    for value in iterate_values(part, "memory_categories.item"):
        if isinstance(value, dict) and isinstance(value.get("memory_id"), str):
            links.setdefault(value["memory_id"], []).append(value.get("category_id"))
    return links


OPENMEMORY = Format("openmemory", gettext_lazy("OpenMemory export"), _is_openmemory, _read)
