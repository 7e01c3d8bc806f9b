"""Objects that describe a person by keys: {"name": "Ada", "likes": ["tea"]}."""

import re
from collections.abc import Iterable, Mapping

from memories.portability.readers.formats import ReadContext
from memories.portability.readers.items import ReadResult, SkippedEntry
from memories.portability.readers.memory_tools.entries import find_text, parse_entry
from memories.portability.readers.memory_tools.entry_keys import EXPIRY_KEYS, ID_KEYS, TIME_KEYS
from memories.portability.readers.memory_tools.prose import humanise, is_sentence

# Words in keys that tell of a person; settings and records of programs have few of them.
PERSONAL = re.compile(
    r"name|nick|age|birth|born|gender|pronoun|job|occupation|profession|employ|company|career|work|role|live|location|"
    r"city|country|home|address|family|partner|spouse|wife|husband|child|kid|parent|pet|dog|cat|friend|relation|like|"
    r"love|hate|dislike|hobb|interest|preference|prefer|favou?rite|allerg|diet|food|drink|health|medical|medication|"
    r"language|skill|education|stud(?:y|ies)|school|goal|dream|plan|personality|value|belief|bio|about|habit|routine|"
    r"lifestyle|background|personal|music|book|film|movie|sport|fact|communication|style|tone|timezone|nationality"
)
TECHNICAL = re.compile(
    r"version|\$schema|schema|script|dependenc|license|repository|config|setting|url|href|uuid|node_id|enabled|"
    r"theme|editor|font|port|host|path|token|count|total|page|status|type|width|height|lat|lon|price|currency"
)
GENERAL_KEYS = frozenset({
    "about", "about_me", "bio", "facts", "memories", "notes", "summary", "background", "description", "observations",
    "other", "misc", "static", "dynamic",
})  # fmt: skip
PASSED_KEYS = frozenset(
    {*ID_KEYS, *TIME_KEYS, *EXPIRY_KEYS, "user_id", "userId", "embedding", "vector", "score"}
)
SHORT_CHARACTERS = 40
MAX_DEPTH = 6
MAX_KEY_CHARACTERS = 100  # of a key that are looked at
Scalar = str | int | float


def is_profile(value: Mapping[str, object]) -> bool:
    """Return whether an object describes a person: at least half of its keys, and two, are of people."""
    keys = [
        key.lower()
        for key, member in value.items()
        if key not in PASSED_KEYS and member not in (None, "", [], {})
    ]
    if any(TECHNICAL.search(key) for key in keys) and not {"likes", "hobbies", "about_me"} & set(keys):
        return False
    personal = sum(PERSONAL.search(key) is not None for key in keys)
    return personal >= 2 and personal * 2 >= len(keys) and keys != ["name", "value"]


def describes_person(key: str) -> bool:
    key = key[:MAX_KEY_CHARACTERS].lower()
    return PERSONAL.search(key) is not None and TECHNICAL.search(key) is None


def read_profile(
    value: Mapping[str, object],
    context: ReadContext,
    *,
    tags: Iterable[str] = (),
    fields: Mapping[str, object] | None = None,
    path: tuple[str, ...] = (),
) -> list[ReadResult]:
    """Return a memory for each key, such as "Likes: tea, bread". fields: times and ends of all of them."""
    results: list[ReadResult] = []
    common = {**(fields or {}), **{key: value[key] for key in (*TIME_KEYS, *EXPIRY_KEYS) if key in value}}
    for key, member in value.items():
        if key not in PASSED_KEYS and member is not None and member not in ("", [], {}):
            for text in _list_texts((*path, key), member):
                if text is None:
                    results.append(SkippedEntry("not_a_memory"))
                else:
                    results.append(parse_entry(common, context, text=text, tags=tags, label=""))
    return results


def _list_texts(path: tuple[str, ...], member: object) -> list[str | None]:
    """Return the texts for a key; None for what cannot be read."""
    label = humanise(path[0]) + "".join(f": {humanise(key).lower()}" for key in path[1:])
    is_general = path[-1].lower() in GENERAL_KEYS
    if isinstance(member, Scalar):
        text = _show(member)
        return [text if is_general and is_sentence(text) else f"{label}: {text}"]
    if len(path) >= MAX_DEPTH:
        return [None]
    if isinstance(member, list):
        shown = [_show_item(each) for each in member if each is not None]
        if all(
            text is not None and len(text) <= SHORT_CHARACTERS and not is_sentence(text) for text in shown
        ):
            return [f"{label}: {', '.join(filter(None, shown))}"]
        return [text if text is None or is_general else f"{label}: {text}" for text in shown]
    if (
        isinstance(member, dict)
        and isinstance(member.get("name"), str)
        and (shown_name := _show_item(member))
    ):
        return [f"{label}: {shown_name}"]
    if isinstance(member, dict):
        members = (
            (key, each) for key, each in member.items() if each is not None and each not in ("", [], {})
        )
        return [text for key, each in members for text in _list_texts((*path, key), each)]
    return [None]


def _show(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else str(value)


def _show_item(value: object) -> str | None:
    """Return an item of a list in one line: an object as its name, followed by its other members."""
    if isinstance(value, Scalar):
        return _show(value)
    if not isinstance(value, dict):
        return None
    if (text := find_text(value)) is not None:
        return text
    members = {
        key: each for key, each in value.items() if key not in ID_KEYS and each is not None and each != ""
    }
    if not all(isinstance(each, Scalar) for each in members.values()):
        return None
    name = str(members.pop("name", "")).strip()
    rest = [
        f"{humanise(key).lower()}: {_show(each)}" for key, each in members.items() if isinstance(each, Scalar)
    ]
    return ", ".join(filter(None, [name, *rest])) or None
