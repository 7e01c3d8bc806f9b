"""portable-ai-memory."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format
from memories.portability.readers.items import ReadResult
from memories.portability.readers.memory_tools.entries import SUPERSEDES, build_links
from memories.portability.readers.memory_tools.json_list import read_list


def read_store(part: Part) -> Iterator[ReadResult]:
    """Read a portable-ai-memory store: its memories, and the relations that say which replaces which."""
    relations = (value for value in iterate_values(part, "relations.item") if isinstance(value, dict))
    links = dict.fromkeys(
        link
        for value in relations
        if value.get("type") == SUPERSEDES
        for link in build_links([value.get("from")], [value.get("to")])
    )
    yield from read_list(part, {link.older for link in links})
    yield from links


PAM = Format(
    "pam",
    gettext_lazy("portable-ai-memory"),
    lambda start: start.json.has("memories") and bool(start.json.keys.keys() & {"schema", "schema_version"}),
    lambda part, _context: read_store(part),
)
