"""Detect import formats by content; file names only tell the members of a zip apart."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from memories.portability.readers.archives import Part, make_file_error
from memories.portability.readers.chat_exports import ChatFilter, read_chatgpt, read_claude
from memories.portability.readers.items import ReadResult
from memories.portability.readers.json_and_csv import TEXT_KEYS, read_list, read_store, read_table
from memories.portability.readers.picard_jsonl import read_jsonl
from memories.portability.readers.streams import parse_outline, read_start_text
from memories.portability.readers.text_and_markdown import read_notes, read_plain_text

Reader = Callable[[list[Part], ChatFilter], Iterator[ReadResult]]


def _read_each_part(read: Callable[[Part], Iterator[ReadResult]]) -> Reader:
    return lambda parts, _chats: (result for part in parts for result in read(part))


@dataclass(frozen=True)
class ImportFormat:
    """A file format. name: stored value, and the tag suffix after `imported:`; label: text shown to the user."""

    name: str
    label: object
    read: Reader


# Ordered by priority: the first format among the members of a zip is the format of the zip.
IMPORT_FORMATS = {
    format.name: format
    for format in (
        ImportFormat("picard", gettext_lazy("Picard export"), _read_each_part(read_jsonl)),
        ImportFormat("chatgpt", gettext_lazy("ChatGPT export"), read_chatgpt),
        ImportFormat("claude", gettext_lazy("Claude export"), read_claude),
        ImportFormat("pam", gettext_lazy("portable-ai-memory"), _read_each_part(read_store)),
        ImportFormat("mem0", gettext_lazy("mem0 export"), _read_each_part(read_list)),
        ImportFormat("list", gettext_lazy("JSON list"), _read_each_part(read_list)),
        ImportFormat("table", gettext_lazy("CSV table"), _read_each_part(read_table)),
        ImportFormat("markdown", gettext_lazy("Markdown notes"), lambda parts, _chats: read_notes(parts)),
        ImportFormat(
            "text", gettext_lazy("Plain text, one memory per line"), _read_each_part(read_plain_text)
        ),
    )
}
NOTE_SUFFIXES = (".md", ".markdown", ".txt")
EXPORT_FILE_NAME = re.compile(r"(?:conversations(?:-\d+)?|memor(?:y|ies)(?:-\d+)?)\.json")


def detect_format(parts: list[Part]) -> tuple[ImportFormat, list[Part]]:
    """Return the format and the parts that have it. Raises ValidationError (file) for an unknown format."""
    if len(parts) == 1 and not parts[0].name:
        name = _detect_part_format(parts[0])
        if name is None:
            raise make_file_error(_("The file format is not supported."), "unknown_format")
        return IMPORT_FORMATS[name], parts
    detected = [(part, _detect_member_format(part)) for part in parts]
    names = {name for _part, name in detected}
    format = next((IMPORT_FORMATS[name] for name in IMPORT_FORMATS if name in names), None)
    if format is None:
        raise make_file_error(_("The zip contains no supported files."), "unknown_format")
    extra = ("list",) if format.name in ("chatgpt", "claude") else ()  # ChatGPT's memory.json
    return format, [part for part, name in detected if name == format.name or name in extra]


def _detect_member_format(part: Part) -> str | None:
    if part.suffix in NOTE_SUFFIXES:
        return "markdown"
    name = _detect_part_format(part)
    if name == "list" and not EXPORT_FILE_NAME.fullmatch(part.base_name):
        return None  # such as settings
    return name if name != "text" else None


def _detect_part_format(part: Part) -> str | None:
    text = read_start_text(part)
    if "\0" in text or not text:
        return None
    if text[0] in "{[":
        return _detect_json_format(text) or ("text" if text[0] == "[" and _is_dated_text(text) else None)
    if text.startswith(("---\n", "---\r\n")):
        return "markdown"
    return "table" if _is_table(text) else "text"


def _detect_json_format(text: str) -> str | None:
    first, _end, rest = text.partition("\n")
    try:
        line = orjson.loads(first)
    except orjson.JSONDecodeError:
        line = None
    if isinstance(line, dict) and "text" in line and ("picard" in line or rest.strip()):
        return "picard"
    is_list, keys = parse_outline(text)
    if not is_list and {"picard", "text"} <= keys:  # the first line is longer than the part that was read
        return "picard"
    if "mapping" in keys and is_list:
        return "chatgpt"
    if ("chat_messages" in keys and is_list) or "conversations_memory" in keys:
        return "claude"
    if is_list:
        return "mem0" if "memory" in keys else "list" if keys & {*TEXT_KEYS, ""} else None
    if "memories" in keys:
        return "pam" if keys & {"schema", "schema_version"} else "list"
    return "mem0" if "results" in keys else None


def _is_dated_text(text: str) -> bool:
    return re.match(r"\[[^\]\n]{1,40}\]\s*[-–—:]", text) is not None


def _is_table(text: str) -> bool:
    header = text.partition("\n")[0]
    try:
        names = [name.strip().lower() for name in next(csv.reader([header]), [])]
    except csv.Error:
        return False
    return (len(names) > 1 and any(key in names for key in TEXT_KEYS)) or names == ["text"]
