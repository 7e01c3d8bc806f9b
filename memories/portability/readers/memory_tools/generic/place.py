"""Where a value of JSON is, and how a text there is read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from memories.portability.readers.formats import ChatFilter, ReadContext
from memories.portability.readers.memory_tools.entries import find_text, find_weak_text, merge_tags
from memories.portability.readers.memory_tools.entry_keys import TEXT_KEYS
from memories.portability.readers.memory_tools.generic import vocabulary as words
from memories.portability.readers.memory_tools.generic.key_names import rename_keys
from memories.portability.readers.memory_tools.generic.users import Users
from memories.portability.readers.memory_tools.prose import (
    add_label,
    humanise,
    is_id,
    is_prose,
    is_sentence,
    name_subject,
)

Object = Mapping[str, object]


@dataclass(frozen=True)
class Place:
    """Where values are: how they are read.

    is_alone: in the only file of the import, which is given as memories. is_named: under a key that says that they are
    memories. takes_strings, takes_pairs: whether strings, and objects of key and value, are memories here. topic: the
    key that they are under, if it says what they are about. subject: whom or what they are about, put before each.
    """

    context: ReadContext
    users: Users = field(default_factory=Users)
    is_alone: bool = False
    is_named: bool = False
    takes_strings: bool = False
    takes_pairs: bool = False
    topic: str = ""
    subject: str = ""
    tags: tuple[str, ...] = ()
    depth: int = 0

    def enter(
        self, *, is_named: bool = False, topic: str = "", subject: str = "", tags: Iterable[str] = ()
    ) -> "Place":
        return replace(
            self,
            is_named=self.is_named or is_named,
            topic=topic,
            subject=subject or self.subject,
            tags=merge_tags(self.tags, [topic] if topic else [], tags),
            depth=self.depth + 1,
        )


def label_fact(place: Place, fact: str) -> str:
    """Return a fact that says what it is about: "Food: tea", "Ada: keeps bees"."""
    if place.subject:
        return name_subject(place.subject, fact)
    is_whole = fact.rstrip().endswith((".", "!")) if words.needs_topic(place.topic) else is_sentence(fact)
    return fact if not place.topic or is_whole else add_label(humanise(place.topic), fact)


def find_foreign_reason(value: Object, place: Place) -> str:
    """Return why an object is not a memory of the person: somebody else wrote it."""
    roles = [str(value.get(key)).lower() for key in words.CHAT_KEYS if key in value]
    if words.ASSISTANT_ROLES & set(roles):
        return "of_the_assistant"
    if words.SYSTEM_ROLES & set(roles):
        return "hidden"
    if words.PERSON_ROLES & set(roles):
        return "conversation" if place.context.chats is ChatFilter.NONE else ""
    is_message = bool(roles) or {"user", "ts"} <= value.keys()
    is_foreign = is_message or bool(words.FOREIGN_KEYS & value.keys()) or isinstance(value.get("label"), int)
    return "not_a_memory" if is_foreign and not place.is_named and "memory" not in value else ""


def unwrap_entry(value: Object) -> Object:
    """Return an entry that is within another object together with what that says of it."""
    for key in words.ENTRY_KEYS:
        inner = value.get(key)
        inner = rename_keys(inner) if isinstance(inner, dict) else inner
        if (
            not isinstance(inner, dict)
            or find_text(value, [each for each in TEXT_KEYS if each != key]) is not None
        ):
            continue
        if find_text(inner) is not None or find_weak_text(inner) is not None:
            return {**{name: value[name] for name in value if name != key}, **inner}
    return value


def find_entry_text(entry: Object, place: Place) -> tuple[str | None, str | None]:
    """Return the text of an entry, and its label if that is not its title."""
    key, pair = entry.get("key"), entry.get("value")
    if place.takes_pairs and isinstance(key, str) and isinstance(pair, str) and find_text(entry) is None:
        return pair, None if is_id(key) else humanise(key)
    text = find_text(entry)
    if text is None and (place.is_named or not entry.keys() - words.ENTRY_FIELDS):
        text = find_weak_text(entry)
    return text, None


def is_single_entry(value: Object, place: Place) -> bool:
    text = find_text(value)
    is_foreign = bool((words.CHAT_KEYS | words.FOREIGN_KEYS | words.CONVERSATION_KEYS) & value.keys())
    return text is not None and is_prose(text) and (place.is_named or not is_foreign)
