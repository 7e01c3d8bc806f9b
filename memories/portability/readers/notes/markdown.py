"""Markdown notes, each one memory."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ImportLink, ReadResult, SkippedEntry
from memories.portability.readers.times import parse_time

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
INLINE_TAG = re.compile(r"(?<![\w#&/])#(?P<tag>\w[\w/-]*)")
NOT_A_TAG = re.compile(r"[\d_-]+")  # an issue number or colour
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
TAG_KEYS = ("tags", "tag", "keywords")
TIME_KEYS = ("created_at", "created", "date", "date created")
NOTE_SUFFIXES = (".md", ".markdown", ".txt")


def _read_note(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    """Read a note as one memory, tagged by its front matter and its inline #tags."""
    yield from _parse_note(part, read_text(part))


def _parse_note(part: Part, text: str) -> Iterator[ReadResult]:
    front, body = _parse_front_matter(text.replace("\r\n", "\n"))
    name = part.stem
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
    yield ImportItem(text, tuple(tags), created_at, file_id=own_id)
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


def _is_note(start: PartStart) -> bool:
    in_folder = len(start.parts) > 1 and start.suffix in NOTE_SUFFIXES
    return start.is_text and (in_folder or start.text.startswith(("---\n", "---\r\n")))


MARKDOWN = Format("markdown", gettext_lazy("Markdown notes"), _is_note, _read_note)
