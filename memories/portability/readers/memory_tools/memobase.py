"""Memobase: the profile of a user, and events.

The shapes are those of github.com/memodb-io/memobase, models/response.py: `data.profiles` with `content` and the topics
in `attributes`, and `data.events` with `event_data`.
"""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from memories.portability.files.json_stream import ITEMS, JsonShape, iterate_values
from memories.portability.files.parts import Part
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import parse_entry
from memories.portability.readers.memory_tools.prose import humanise, split_lines


def _is_memobase(start: PartStart) -> bool:
    shape = start.json
    places = (shape, shape.at("data"))
    return _is_profile(shape.at(ITEMS)) or any(
        _is_profile(place.at("profiles", ITEMS)) or place.at("events", ITEMS).has("event_data")
        for place in places
    )


def _is_profile(shape: JsonShape) -> bool:
    return shape.has("content", "attributes") and shape.at("attributes").has("topic", "sub_topic")


def _read(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    if PartStart(part).json.is_list:
        for value in iterate_values(part, "item"):
            yield from _read_profile(value, context)
        return
    for document in iterate_values(part, ""):
        data = document["data"] if isinstance(document.get("data"), dict) else document
        for key, read in (("profiles", _read_profile), ("events", _read_event)):
            for value in data[key] if isinstance(data.get(key), list) else ():
                yield from read(value, context)


def _read_profile(value: object, context: ReadContext) -> Iterator[ReadResult]:
    """Read one value of a profile: "Basic info, name: Ada", with its topic as tag."""
    attributes = value.get("attributes") if isinstance(value, dict) else None
    if (
        not isinstance(value, dict)
        or not isinstance(attributes, dict)
        or not isinstance(value.get("content"), str)
    ):
        yield SkippedEntry("not_a_memory")
        return
    topic, sub_topic = (str(attributes.get(key) or "") for key in ("topic", "sub_topic"))
    entry = {key: value[key] for key in value if key != "attributes"}
    label = humanise(sub_topic or topic)
    text = f"{label}: {value['content'].strip()}" if label else value["content"]
    yield parse_entry(entry, context, text=text, label="", tags=[topic] if topic else [])


def _read_event(value: object, context: ReadContext) -> Iterator[ReadResult]:
    """Read the notes of an event, a line each; the changes of the profile that it led to are in the profile."""
    data = value.get("event_data") if isinstance(value, dict) else None
    tip = data.get("event_tip") if isinstance(data, dict) else None
    if not isinstance(value, dict) or not isinstance(tip, str) or not tip.strip():
        yield SkippedEntry("blank" if isinstance(data, dict) else "not_a_memory")
        return
    times = {key: value[key] for key in ("created_at", "updated_at") if key in value}
    for line in split_lines(tip):
        yield parse_entry(times, context, text=line, label="")


MEMOBASE = Format("memobase", gettext_lazy("Memobase export"), _is_memobase, _read)
