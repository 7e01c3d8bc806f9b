"""Items of a LangGraph store, and what LangMem keeps in one.

The shapes are those of langgraph.store.base.Item.dict() and of the SDK's `store.search_items` (`items`), of the table
`store` of its PostgreSQL store (`prefix`), and of LangMem's values (`kind` and `content`).
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_lines, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import (
    find_text,
    find_weak_text,
    list_tags,
    parse_entry,
)
from memories.portability.readers.memory_tools.generic.profile import read_profile
from memories.portability.readers.memory_tools.prose import is_id

AGENT_NAMES = frozenset({"instructions", "prompt", "prompts", "persona", "agent_instructions", "system"})
GENERAL_NAMES = frozenset({"memories", "memory", "users", "user", "default", "store", "semantic", "langmem"})


def _is_langgraph(start: PartStart) -> bool:
    shape = start.lines if start.lines.kinds else start.json
    return any(map(_is_item, (shape, shape.at(ITEMS), shape.at("items", ITEMS))))


def _is_item(shape: JsonShape) -> bool:
    return (
        shape.has("key", "value")
        and (shape.at("namespace").is_list or shape.has("prefix"))
        and (shape.at("value").is_object)
    )


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    start = PartStart(part)
    if start.lines.kinds:
        values: Iterator[object] = iterate_lines(part)
    else:
        path = "item" if start.json.is_list else "items.item" if start.json.has("items") else ""
        values = iterate_values(part, path)
    for value in values:
        if isinstance(value, ValueError):
            yield SkippedEntry("not_json")
        elif isinstance(value, dict) and isinstance(value.get("value"), dict):
            yield from _read_item(value, value["value"], context)
        else:
            yield SkippedEntry("not_a_memory")


def _read_item(
    item: dict[str, object], value: dict[str, object], context: ReadContext
) -> Iterator[ReadResult]:
    names = _list_names(item)
    if AGENT_NAMES & {name.lower() for name in names}:
        yield SkippedEntry("of_an_agent")
        return
    tags = [
        name for name in names if name.lower() not in GENERAL_NAMES and not is_id(name) and "@" not in name
    ]
    inner = value.get("content")
    content = inner if isinstance(inner, dict) else value
    fields = {
        **{key: item[key] for key in ("created_at", "updated_at", "expires_at") if item.get(key)},
        **content,
    }
    fields.setdefault("id", item.get("key"))
    text = find_text(content) or find_weak_text(content)
    if text is not None:
        yield parse_entry(fields, context, text=text, tags=tags)
    else:
        times = {key: fields[key] for key in fields if key not in content and key != "id"}
        results = read_profile(content, context, tags=tags, fields=times)
        yield from results or [SkippedEntry("not_a_memory")]


def _list_names(item: dict[str, object]) -> list[str]:
    """Return the parts of an item's namespace."""
    prefix = item.get("prefix")
    return prefix.split(".") if isinstance(prefix, str) else list(list_tags(item.get("namespace")))


LANGGRAPH = Format("langgraph", gettext_lazy("LangGraph store"), _is_langgraph, _read)
