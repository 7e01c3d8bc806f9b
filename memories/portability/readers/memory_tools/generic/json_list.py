"""JSON of products without a reader of their own: lists, JSON Lines and objects with memories in them.

Files in which nothing reads like a memory are refused as JSON of an unknown form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, groupby, islice

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from memories.portability.files.json_probe import is_json_start
from memories.portability.files.json_stream import ITEMS, iterate_lines, iterate_members, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import LINES_SUFFIXES, Format, PartStart, ReadContext, RefusedKind
from memories.portability.readers.items import ImportLink, ReadResult
from memories.portability.readers.memory_tools.entries import find_text
from memories.portability.readers.memory_tools.entry_keys import TEXT_KEYS
from memories.portability.readers.memory_tools.generic import vocabulary as words
from memories.portability.readers.memory_tools.generic.key_names import rename_keys
from memories.portability.readers.memory_tools.generic.place import Place
from memories.portability.readers.memory_tools.generic.profile import is_profile
from memories.portability.readers.memory_tools.generic.tool_results import unwrap
from memories.portability.readers.memory_tools.generic.users import find_users
from memories.portability.readers.memory_tools.generic.walk import (
    HEAD,
    is_memory,
    read_document,
    read_values,
    split_head,
)

MAX_TRIED = 20_000  # results among which one must be a memory for a file to be recognised


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    return _read_part(part, Place(context, find_users(part), is_alone=len(context.parts) < 2))


def _read_part(part: Part, place: Place) -> Iterator[ReadResult]:
    start = PartStart(part)
    if _has_lines(start):
        yield from read_values(iterate_lines(part), place)
    elif start.text[:1] == "[":
        yield from _read_list(part, place)
    else:
        yield from _read_whole(part, place)


def _has_lines(start: PartStart) -> bool:
    return bool(start.lines.kinds) or (start.suffix in LINES_SUFFIXES and start.text[:1] == '"')


def _read_list(part: Part, place: Place) -> Iterator[ReadResult]:
    head, values = split_head(iterate_values(part, "item"))
    if len(head) == 1 and isinstance(head[0], dict) and _is_person(head[0]):
        yield from read_document(head[0], place)
    elif len(head) < HEAD and (unwrapped := unwrap(head)) != [head]:
        yield from _read_unwrapped(unwrapped, place)
    else:
        yield from read_values(chain(head, values), place)


def _read_whole(part: Part, place: Place) -> Iterator[ReadResult]:
    """Read an object: at once, or its lists one after the other if it is large or damaged."""
    try:
        (value,) = iterate_values(part, "")
    except ValidationError as error:
        if error.error_dict["file"][0].code not in ("entry_too_large", "broken_json"):
            raise
        wanted = iterate_members(part, lambda key: words.names_memories(key) or words.wraps(key))
        members = groupby(wanted, key=lambda member: (member.key, not member.inner_key))
        for (key, _is_list), each in members:
            yield from _read_large(key, (member.value for member in each), place)
        return
    unwrapped = unwrap(value)
    if unwrapped != [value]:
        yield from _read_unwrapped(unwrapped, place)
    else:
        yield from read_document(value, place)


def _is_person(value: Mapping[str, object]) -> bool:
    return is_profile(value) and find_text(rename_keys(value)) is None


def read_memories_beside(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Yield what an object has under keys for memories, beside the conversations that another reader reads."""
    if PartStart(part).lines.kinds or not PartStart(part).json.keys or PartStart(part).json.is_list:
        return
    place = Place(context, find_users(part)).enter(is_named=True)
    for member in iterate_members(part, words.names_memories):
        if isinstance(member.value, list | dict) or member.inner_key:
            yield from read_values([member.value], place)


def _read_large(key: str, values: Iterator[object], place: Place) -> Iterator[ReadResult]:
    if words.names_memories(key):
        yield from read_values(values, place.enter(is_named=True))
    elif words.wraps(key):
        yield from read_values(values, place.enter())


def _read_unwrapped(values: list[object], place: Place) -> Iterator[ReadResult]:
    for value in values:
        if isinstance(value, dict):
            yield from read_document(value, place)
        elif isinstance(value, list):
            yield from read_values(value, place)
        else:
            yield from read_values([value], replace(place, is_named=True))


def _is_known(start: PartStart) -> bool:
    """Return whether there is a memory among the first results of reading a file."""
    if not (start.json.kinds or _has_lines(start)):
        return False
    place = Place(ReadContext(), is_alone=len(start.parts) < 2)
    try:
        results = islice(_read_part(start.part, place), MAX_TRIED)
        return any(is_memory(result) for result in results if not isinstance(result, ImportLink))
    except ValidationError:
        return any(start.json.at(ITEMS).has(key) for key in TEXT_KEYS)


def _is_json(start: PartStart) -> bool:
    """Return whether a file is JSON; a text may begin with a bracket too."""
    is_document = start.text[:1] in ("{", "[") and is_json_start(start.text.encode())
    return _has_lines(start) or is_document or start.suffix == ".json"


JSON_LIST = Format("list", gettext_lazy("JSON with memories"), _is_known, _read)
UNKNOWN_JSON = RefusedKind("unknown_json", gettext_lazy("JSON of an unknown form"), _is_json, "unknown_json")
