"""Find the memories in lists and objects of any form.

What is a memory is told by the keys, and where these do not tell, by whether a text reads like a fact.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

from django.core.exceptions import ValidationError

from memories.portability.readers.html_text import html_to_text
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import (
    find_label,
    find_links,
    find_weak_text,
    list_tags,
    merge_tags,
    parse_entry,
)
from memories.portability.readers.memory_tools.entry_keys import HISTORY_KEYS, TEXT_KEYS
from memories.portability.readers.memory_tools.generic import vocabulary as words
from memories.portability.readers.memory_tools.generic.columns import zip_columns
from memories.portability.readers.memory_tools.generic.key_names import rename_keys
from memories.portability.readers.memory_tools.generic.maps import DATE_KEY, are_entries, is_topic
from memories.portability.readers.memory_tools.generic.place import (
    Object,
    Place,
    find_entry_text,
    find_foreign_reason,
    is_single_entry,
    label_fact,
    unwrap_entry,
)
from memories.portability.readers.memory_tools.generic.profile import (
    describes_person,
    is_profile,
    read_profile,
)
from memories.portability.readers.memory_tools.generic.rows import are_rows, read_rows
from memories.portability.readers.memory_tools.generic.tool_results import unwrap
from memories.portability.readers.memory_tools.prose import (
    is_html,
    is_id,
    is_prose,
    is_readable,
    name_subject,
    show_name,
    split_lines,
)
from memories.portability.readers.times import parse_time

MAX_DEPTH = 8  # of lists and objects around memories
HEAD = 100  # items by which a list is judged
NO_MEMORIES = ("not_a_memory", "blank", "not_json", "hidden", "of_the_assistant")  # reasons
MAX_PEEKED = 20_000  # results among which there is a memory, if there is one


# --- Lists --------------------------------------------------------------------------------------------------


def read_values(values: Iterable[object], place: Place) -> Iterator[ReadResult]:
    """Read a list, judged by its first items."""
    head, rest = split_head(values)
    if are_rows(head, place.context.zone):
        yield from read_rows(head, rest, place)
        return
    place = _judge(head, place)
    for value in chain(head, rest):
        yield from _read_value(value, place)


def split_head(values: Iterable[object]) -> tuple[list[object], Iterator[object]]:
    """Return the first values, and an iterator over the rest, which raises the error of those that cannot be read."""
    values = iter(values)
    head: list[object] = []
    try:
        head.extend(islice(values, HEAD))
    except ValidationError as error:
        return head, _raise(error)
    return head, values


def _raise(error: ValidationError) -> Iterator[object]:
    raise error
    yield


def _judge(head: list[object], place: Place) -> Place:
    strings = [value for value in head if isinstance(value, str)]
    is_given = place.is_alone and not place.depth
    pairs = [value["value"] for value in head if isinstance(value, dict) and {"key", "value"} <= value.keys()]
    return replace(
        place,
        takes_strings=place.is_named or any(map(is_readable if is_given else is_prose, strings)),
        takes_pairs=bool(pairs)
        and all(isinstance(each, str) for each in pairs)
        and (place.is_named or any(isinstance(each, str) and is_prose(each) for each in pairs)),
    )


def _read_value(value: object, place: Place) -> Iterator[ReadResult]:
    if isinstance(value, ValueError):
        yield SkippedEntry("not_json")
    elif isinstance(value, str) and place.takes_strings:
        yield ImportItem(label_fact(place, value), place.tags)
    elif isinstance(value, dict):
        yield from _read_object(value, place)
    elif isinstance(value, list) and place.depth < MAX_DEPTH:
        yield from read_values(value, place.enter()) if value else [SkippedEntry("blank")]
    else:
        yield SkippedEntry("not_a_memory")


# --- Objects in lists ---------------------------------------------------------------------------------------


def _read_object(value: Object, place: Place) -> Iterator[ReadResult]:
    """Read an entry, an object around one, or an object with a list of them."""
    value = rename_keys(value)
    if reason := find_foreign_reason(value, place):
        yield SkippedEntry(reason)
        return
    entry = unwrap_entry(value)
    lists = [member for key, member in value.items() if _is_inner_list(key, member)]
    own = {key: member for key, member in entry.items() if member not in lists} if lists else entry
    text, label = find_entry_text(own, place)
    if text is None and lists:
        text = find_weak_text(own)
    if text is not None:
        yield from _read_entry(entry, text, label, place)
    if place.depth < MAX_DEPTH:
        for member in lists:
            yield from _read_named(member, _enter_facts(value, place))
    if text is None and not lists:
        yield SkippedEntry("not_a_memory")


def _is_inner_list(key: str, member: object) -> bool:
    is_memories = words.names_memories(key) and key not in TEXT_KEYS
    return isinstance(member, list | dict) and bool(member) and is_memories


def _read_entry(entry: Object, text: str, label: str | None, place: Place) -> Iterator[ReadResult]:
    text = html_to_text(text) if is_html(text) else text
    is_titled = label is None and bool(find_label(entry))
    fact = name_subject(place.subject, text) if place.subject and not is_titled else text
    tags = merge_tags(place.tags, [place.subject] if place.subject and is_titled else [])
    links = list(find_links(entry))
    replaced = [link.older for link in links]
    result = parse_entry(entry, place.context, text=fact, label=label, tags=tags, replaced=replaced)
    yield place.users.mark(result, entry)
    yield from links
    for key in HISTORY_KEYS:
        if isinstance(earlier := entry.get(key), list) and earlier:
            yield SkippedEntry("superseded", len(earlier))


def _enter_facts(value: Object, place: Place) -> Place:
    """Return the place of the facts of an object: {"entity": "Ada", "facts": [...]}, or the same with a topic."""
    topics = [tag for key in ("topic", "category", "topics", "tags") for tag in list_tags(value.get(key))]
    names = (value.get(key) for key in ("entity", "name", "person", "subject"))
    subject = next((name for name in names if isinstance(name, str) and not is_id(name)), "")
    return place.enter(is_named=True, subject=show_name(subject), tags=topics)


# --- Objects with lists -------------------------------------------------------------------------------------


def read_document(value: Object, place: Place) -> Iterator[ReadResult]:
    """Read an object that is a whole document, or wraps one."""
    if is_single_entry(value, place):
        yield from _read_object(value, place)
    elif columns := zip_columns(value):
        yield from read_values(columns, place)
    else:
        yield from _read_container(value, place)


def _read_container(value: Object, place: Place) -> Iterator[ReadResult]:
    """Read the members of an object that hold memories, and the others if they describe a person."""
    rest: dict[str, object] = {}
    for key, member in value.items():
        if (results := _peek(_read_holder(key, member, place))) is not None:
            yield from results
        else:
            rest[key] = member
    topics = {
        key: member for key, member in rest.items() if is_topic(member) and key not in words.REPORT_KEYS
    }
    if is_profile(rest) and len(topics) < len(rest):
        yield from read_profile(rest, place.context, tags=place.tags)
    elif topics and (len(rest) < len(value) or len(topics) == len(rest)):
        for topic, members in topics.items():
            yield from _read_named(members, place.enter(topic="" if is_id(topic) else topic, is_named=True))
        yield from _count_rest({key: member for key, member in rest.items() if key not in topics})
    elif len(rest) < len(value):
        personal = {
            key: member for key, member in rest.items() if isinstance(member, dict) and describes_person(key)
        }
        yield from read_profile(personal, place.context, tags=place.tags)
        yield from _count_rest({key: member for key, member in rest.items() if key not in personal})
    elif are_entries(value):
        yield from _read_named(value, place.enter(is_named=True))
    else:
        for key, member in value.items():
            if isinstance(member, str) and words.names_memories(key) and is_prose(member):
                yield from _read_named(member, place)


def _peek(results: Iterator[ReadResult]) -> Iterator[ReadResult] | None:
    """Return the results if there is a memory among the first of them."""
    head: list[ReadResult] = []
    for result in islice(results, MAX_PEEKED):
        head.append(result)
        if is_memory(result):
            return chain(head, results)
    return None


def is_memory(result: ReadResult) -> bool:
    return not isinstance(result, SkippedEntry) or result.reason not in NO_MEMORIES


def _read_holder(key: str, member: object, place: Place) -> Iterator[ReadResult]:
    """Read the value of a key that may hold memories; nothing if it does not."""
    if place.depth >= MAX_DEPTH or not isinstance(member, list | dict) or key in words.CONVERSATION_KEYS:
        return
    if words.names_memories(key):
        yield from _read_named(member, place.enter(is_named=True))
    elif isinstance(member, dict) and words.names_person(key) and is_profile(member):
        yield from read_profile(member, place.context, tags=place.tags)
    elif words.wraps(key):
        inner = place.enter()
        for each in unwrap({key: member}) if key == "content" else [member]:
            if isinstance(each, list):
                yield from read_values(each, inner)
            elif isinstance(each, dict):
                yield from read_document(each, inner)


def _read_named(member: object, place: Place) -> Iterator[ReadResult]:
    """Read what is under a key for memories: a list, topics with lists, or entries by their IDs."""
    if isinstance(member, list):
        yield from read_values(member, place)
    elif isinstance(member, dict) and (is_single_entry(member, place) or find_entry_text(member, place)[0]):
        yield from _read_object(member, place)
    elif isinstance(member, dict):
        for key, each in member.items():
            yield from _read_topic(key, each, place)
    elif isinstance(member, str):
        for fact in split_lines(member):
            yield ImportItem(fact, place.tags)


def _read_topic(key: str, member: object, place: Place) -> Iterator[ReadResult]:
    """Read what is under a topic or an ID."""
    if DATE_KEY.fullmatch(key) and (time := parse_time(key, place.context.zone)):
        for result in _read_named(member, place.enter(is_named=True)) if place.depth < MAX_DEPTH else ():
            if isinstance(result, ImportItem) and result.created_at is None:
                result = replace(result, created_at=time)
            yield result
        return
    has_topic = not (is_id(key) or words.wraps(key) or words.names_memories(key))
    inner = place.enter(topic=key if has_topic else "")
    if isinstance(member, str):
        text = label_fact(inner, member)
        yield ImportItem(text, inner.tags if text == member else place.tags)
    elif isinstance(member, dict) and has_topic and find_entry_text(member, inner)[0] is None:
        yield from read_profile(member, place.context, tags=place.tags, path=(key,)) or [
            SkippedEntry("blank")
        ]
    elif isinstance(member, list | dict):
        yield from _read_named(member, inner) if place.depth < MAX_DEPTH else [SkippedEntry("not_a_memory")]


def _count_rest(rest: Object) -> Iterator[ReadResult]:
    """Yield the entries of lists in which nothing is a memory, and objects that are not read though they have prose."""
    for member in rest.values():
        if isinstance(member, list) and any(isinstance(each, dict) and each for each in member):
            yield SkippedEntry("not_a_memory", len(member))
        elif isinstance(member, dict) and _has_prose(member, 0):
            yield SkippedEntry("not_a_memory")


def _has_prose(value: object, depth: int) -> bool:
    if isinstance(value, str):
        return is_prose(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < MAX_DEPTH and any(_has_prose(each, depth + 1) for each in inner)
