"""Fenced blocks within a text: code to keep, or a list, a table or JSON that an assistant put into one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo

import orjson

from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.lines import (
    BOLD,
    get_item_text,
    is_dated,
    parse_labelled,
)
from memories.portability.readers.times import pick_time

TEXT_LANGUAGES = frozenset({"", "text", "txt", "md", "markdown", "plain", "plaintext", "none", "copy", "csv"})
JSON_LANGUAGES = frozenset({"json", "jsonc", "json5", "jsonl", "ndjson"})
# What lines of programs and shells look like.
CODE_LINE = re.compile(
    r"\s*(?:[$>]\s|#!|#\s|//|[\w.]+\(.*\)|[\w.]+\s*[-+]?=\s*\S|[{}()\[\];]+$|.*[;{]$|(?:sudo|cd|git|make|pip|npm|docker|"
    r"curl|export|import|from|def|class|return|SELECT)\s)"
)
TEXT_KEYS = (
    "memory", "content", "text", "entry", "fact", "statement", "description", "value", "detail", "details", "summary",
    "note",
)  # fmt: skip
TIME_KEYS = (
    "date",
    "created_at",
    "createdAt",
    "created",
    "timestamp",
    "time",
    "saved_at",
    "updated_at",
    "updated",
)
TAG_KEYS = ("category", "categories", "tags", "tag", "topic", "section", "labels", "type")
MAX_DEPTH = 6


@dataclass
class Fence:
    """A fenced block that is being read. is_apart: a blank line is above it."""

    mark: str
    language: str
    is_apart: bool = False
    lines: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, line: str) -> None:
        self.lines.append(line)
        self.size += len(line) + 1

    def is_end(self, line: str) -> bool:
        mark = line.strip()
        return mark.startswith(self.mark) and not mark.strip(self.mark[0])


def is_list_in_fence(fence: Fence) -> bool:
    """Return whether a fenced block is a list or a text, not code: its fence is only there for copying."""
    language, lines = fence.language, fence.lines
    if language not in TEXT_LANGUAGES:
        return False
    content = [line for line in lines if line.strip()]
    listed = sum(is_dated(line) or get_item_text(line) is not None for line in content)
    if language or listed * 3 >= len(content) or any(map(BOLD.fullmatch, content)):
        return True
    code = sum(CODE_LINE.match(line) is not None for line in content)
    return code * 3 < len(content)


def parse_json_block(fence: Fence, zone: tzinfo) -> list[ReadResult] | None:
    """Return the memories of a list in JSON; None for what is none."""
    language, lines = fence.language, fence.lines
    text = "\n".join(lines).strip()
    if language not in JSON_LANGUAGES and (language or text[:1] not in ("[", "{")):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = [orjson.loads(line) for line in lines if line.strip()]
        except orjson.JSONDecodeError:
            return None
    found = list(_parse_value(value, (), zone, 0))
    return found if any(isinstance(each, ImportItem) for each in found) else None


def _parse_value(value: object, tags: tuple[str, ...], zone: tzinfo, depth: int) -> Iterator[ReadResult]:
    if depth > MAX_DEPTH:
        yield SkippedEntry("not_a_memory")
    elif isinstance(value, str):
        dated = parse_labelled(value, zone)
        yield ImportItem(dated.text, tags, dated.created_at) if dated else ImportItem(value, tags)
    elif isinstance(value, list):
        for each in value:
            yield from _parse_value(each, tags, zone, depth + 1)
    elif isinstance(value, dict):
        yield from _parse_object(value, tags, zone, depth)
    elif value is not None:
        yield ImportItem(f"{tags[-1]}: {value}", tags[:-1]) if tags else SkippedEntry("not_a_memory")


def _parse_object(
    value: dict[str, object], tags: tuple[str, ...], zone: tzinfo, depth: int
) -> Iterator[ReadResult]:
    text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
    if isinstance(text, str):
        time, notes = pick_time([value.get(key) for key in TIME_KEYS], zone)
        own = [value[key] for key in TAG_KEYS if key in value]
        names = [name for each in own for name in (each if isinstance(each, list) else [each])]
        yield ImportItem(
            text,
            (*tags, *(name for name in names if isinstance(name, str))),
            time,
            notes=_clear_unknown(value, notes),
        )
        return
    for key, each in value.items():
        if isinstance(each, str | int | float | bool):  # a profile: {"name": "Ada"}
            yield ImportItem(f"{_name_key(key)}: {each}", tags)
        else:
            lead = (
                ()
                if key in ("memories", "items", "results", "entries", "facts", "data")
                else (_name_key(key),)
            )
            yield from _parse_value(each, (*tags, *lead), zone, depth + 1)


def _clear_unknown(value: dict[str, object], notes: tuple[str, ...]) -> tuple[str, ...]:
    """Drop the note on a time that the assistant says not to know."""
    is_known = any(LIKE_TIME.search(str(value.get(key) or "")) for key in TIME_KEYS)
    return notes if is_known else ()


LIKE_TIME = re.compile(r"\d")


def _name_key(key: str) -> str:
    return key.replace("_", " ").strip()
