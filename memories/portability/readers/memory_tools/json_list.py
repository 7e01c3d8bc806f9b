"""JSON lists of memories in general."""

from collections.abc import Collection, Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, iterate_values, read_shape
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult
from memories.portability.readers.memory_tools.entries import TEXT_KEYS, find_links, parse_entry


def read_list(part: Part, replaced: Collection[str] = ()) -> Iterator[ReadResult]:
    """Read an array of objects or strings, at the top level or under `results` or `memories`.

    replaced: the IDs of entries that others in the file replace.
    """
    shape = read_shape(part)
    path = "item" if shape.is_list else "results.item" if shape.has("results") else "memories.item"
    for value in iterate_values(part, path):
        links = list(find_links(value))
        yield parse_entry(value, {*replaced, *(link.older for link in links)})
        yield from links


def _read(part: Part, _context: ReadContext) -> Iterator[ReadResult]:
    return read_list(part)


def _is_list(start: PartStart) -> bool:
    shape = start.json
    return any("string" in shape.at(ITEMS, key).kinds for key in TEXT_KEYS) or (
        "string" in shape.at(ITEMS).kinds or shape.at("memories").is_list
    )


JSON_LIST = Format("list", gettext_lazy("JSON list"), _is_list, _read)
