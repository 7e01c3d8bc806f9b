"""Claude Code's memory folder: a file a memory, with name, description and type, beside the index MEMORY.md.

Source: Claude Code's documentation of its auto memory, and the files that it writes (~/.claude/projects/<project>/
memory/). `type` is user, feedback, project or reference, at the top or under `metadata`.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.properties import get_text, split_properties
from memories.portability.readers.times import pick_time

TYPES = frozenset({"user", "feedback", "project", "reference"})
TIME_KEYS = ("created", "created_at", "date", "updated", "updated_at", "modified")


def _get_type(properties: dict[str, object]) -> str:
    metadata = properties.get("metadata")
    return get_text(properties, "type") or (get_text(metadata, "type") if isinstance(metadata, dict) else "")


def _is_memory_file(start: PartStart) -> bool:
    if start.suffix != ".md" or not start.text.startswith("---"):
        return False
    properties, _body = split_properties(start.text.replace("\r\n", "\n"))
    return {"name", "description"} <= properties.keys() and _get_type(properties).lower() in TYPES


def _read_memory_file(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read a file as one memory: what it is about, then what it says, tagged with its type."""
    properties, body = split_properties(read_text(part))
    description, body = get_text(properties, "description"), body.strip()
    name = get_text(properties, "name").replace("_", " ").replace("-", " ")
    lead = description or name
    text = (
        body
        if lead and lead.rstrip(".").casefold() in body.casefold()
        else "\n\n".join(filter(None, (lead, body)))
    )
    if not text:
        yield SkippedEntry("blank")
        return
    metadata = properties.get("metadata")
    sources = [properties, metadata] if isinstance(metadata, dict) else [properties]
    created_at, notes = pick_time([each.get(key) for each in sources for key in TIME_KEYS], context.zone)
    yield ImportItem(text, (_get_type(properties).lower(),), created_at, notes=notes)


CLAUDE_CODE = Format("claude_code", gettext_lazy("Claude Code memory"), _is_memory_file, _read_memory_file)
