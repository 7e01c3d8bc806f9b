"""Readers for plain text, as assistants list what they remember, and for Markdown notes."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath

from memories.portability.readers.archives import Part
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry, parse_time
from memories.portability.readers.streams import (
    MAX_NOTE_BYTES,
    make_entry_too_large_error,
    read_lines,
    read_small_text,
)
from memories.validation import limits

MAX_TAGS = limits.TAGS - 1  # leaves room for the tag that names the source

# "[2026-01-31] - I am allergic to peanuts.", perhaps as an item of a list.
DATED = re.compile(r"\s*(?:[-*•]\s+)?\[(?P<date>[^\]\n]{1,40})\]\s*[-–—:]\s*(?P<text>.*)")
BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+(?P<text>\S.*)")
HEADING = re.compile(r"\s*(?:#{1,6}\s.*|\*\*[^*]+\*\*:?|```.*|-{3,}|={3,})\s*")
CONTINUATION_INDENT = "  "  # of continuation lines
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

INLINE_TAG = re.compile(r"(?<![\w#&/])#(?P<tag>\w[\w/-]*)")
NOT_A_TAG = re.compile(r"[\d_-]+")  # an issue number or colour
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
TAG_KEYS = ("tags", "tag", "keywords")
TIME_KEYS = ("created_at", "created", "date", "date created")


# --- Plain text -------------------------------------------------------------------------------------------


def read_plain_text(part: Part) -> Iterator[ReadResult]:
    """Read `[date] - content` lines, one memory each.

    Indented lines that follow belong to the memory, and so do undated lines that are neither headings nor list items.
    If no line has a date, each list item and each paragraph is a memory. Headings are ignored.
    """
    pending_lines: list[str] = []
    length = 0
    dated: re.Match[str] | None = None  # the first line of the current memory, if it has a date
    has_dates = False
    for line in read_lines(part):
        is_continuation = dated is not None and _measure_indent(line) > _measure_indent(dated.string)
        date = None if is_continuation else DATED.fullmatch(line)
        starts = date or (None if is_continuation else BULLET.fullmatch(line))
        is_break = not line.strip() and not has_dates
        if starts or is_break or (not is_continuation and HEADING.fullmatch(line)):
            yield from _build_items(pending_lines, dated)
            pending_lines, length = [starts["text"]] if starts else [], 0
            dated = date
            has_dates = has_dates or dated is not None
        elif pending_lines or line.strip():
            pending_lines.append(line)
            length += len(line) + 1
            if length > MAX_NOTE_BYTES:
                raise make_entry_too_large_error()
    yield from _build_items(pending_lines, dated)


def _build_items(lines: list[str], dated: re.Match[str] | None) -> Iterator[ImportItem]:
    text = "\n".join([*lines[:1], *_dedent_lines(lines[1:], dated)]).strip()
    if text:
        yield ImportItem(text, created_at=_parse_day(dated["date"]) if dated else None)


def _dedent_lines(lines: list[str], dated: re.Match[str] | None) -> Iterator[str]:
    """Remove the indent of Picard's own export or, in a list, the common indent."""
    if dated and dated.string.startswith("["):
        return (line.removeprefix(CONTINUATION_INDENT) for line in lines)
    indent = min((_measure_indent(line) for line in lines if line.strip()), default=0)
    return (line[indent:] for line in lines)


def _measure_indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _parse_day(text: str) -> datetime | None:
    match = DAY.search(text)
    return parse_time(text) or (parse_time(match[0]) if match else None)


# --- Markdown ---------------------------------------------------------------------------------------------


def read_notes(parts: list[Part]) -> Iterator[ReadResult]:
    """Read each note as one memory, tagged by its front matter and its inline #tags."""
    for part in parts:
        text = read_small_text(part)
        yield from [SkippedEntry("not_text")] if text is None else _parse_note(part, text)


def _parse_note(part: Part, text: str) -> Iterator[ReadResult]:
    front, body = _parse_front_matter(text.replace("\r\n", "\n"))
    name = PurePosixPath(part.name).stem
    title = "" if "id" in front or not name or body.lstrip("# \n").startswith(name) else name
    tags = [tag for key in TAG_KEYS for tag in front.get(key, [])] + list(_find_inline_tags(body))
    times = (front[key][0] for key in TIME_KEYS if front.get(key))
    created_at = next((parsed for time in times if (parsed := parse_time(time))), None)
    if created_at is None and (day := DAY.match(name)):
        created_at = parse_time(day[0])
    if not body.strip():
        yield SkippedEntry("blank")
        return
    text = "\n\n".join(filter(None, (title, body.strip())))
    own_id, older = (next(iter(front.get(key, [])), None) for key in ("id", "supersedes"))
    yield ImportItem(text, limit_tags(tags), created_at, file_id=own_id)
    if own_id and older:
        yield ImportLink(own_id, older)


def _parse_front_matter(text: str) -> tuple[dict[str, list[str]], str]:
    """Return the properties, each as a list of values, and the body. Supports only the YAML that notes use."""
    text = text.removeprefix("\ufeff")
    if not text.startswith("---\n"):
        return {}, text
    head, mark, body = text[4:].partition("\n---")
    if not mark or (body and body[0] != "\n" and body.strip()):
        return {}, text
    properties: dict[str, list[str]] = {}
    key = ""
    for line in head.split("\n"):
        if line.lstrip().startswith("- ") and key:
            properties[key].append(_strip_quotes(line.lstrip()[2:]))
        elif ":" in line and not line[:1].isspace():
            name, _mark, value = line.partition(":")
            key = name.strip().lower()
            properties[key] = [
                _strip_quotes(each) for each in _split_values(key, value.strip()) if each.strip()
            ]
    return properties, body.lstrip("\n")


def _split_values(key: str, value: str) -> list[str]:
    if value.startswith("[") and value.endswith("]"):
        return value[1:-1].split(",")
    return re.split(r"[,\s]+", value) if key in TAG_KEYS else [value]


def _strip_quotes(value: str) -> str:
    return value.strip().strip("\"'").lstrip("#")


def _find_inline_tags(body: str) -> Iterator[str]:
    for found in INLINE_TAG.finditer(CODE.sub("", body)):
        if not NOT_A_TAG.fullmatch(found["tag"]):
            yield found["tag"]


def limit_tags(tags: list[str]) -> tuple[str, ...]:
    """Drop invalid tags and those beyond the limit of a memory."""
    valid = {
        tag: None for tag in tags if tag.strip() and len(tag) <= limits.TAG_CHARACTERS and "\0" not in tag
    }
    return tuple(valid)[:MAX_TAGS]
