"""mem0: the JSON of its API and SDKs."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, ReadContext
from memories.portability.readers.items import ReadResult
from memories.portability.readers.memory_tools.json_list import read_list


def _read(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    return read_list(part)


MEM0 = Format(
    "mem0",
    gettext_lazy("mem0 export"),
    lambda start: start.json.at(ITEMS).has("memory") or start.json.has("results"),
    _read,
)
