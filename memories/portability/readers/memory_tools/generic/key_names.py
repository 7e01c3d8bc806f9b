"""The keys of entries in other spellings and languages: "CreatedAt", "createdOn", "Inhalt", "内容"."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from memories.portability.readers.memory_tools.entry_keys import TIME_KEYS
from memories.portability.readers.memory_tools.generic import vocabulary as words
from memories.portability.readers.tables import column_names as names

MAX_KEY_CHARACTERS = 60
WORD_BREAK = re.compile(r"[\s_-]+|(?<=[a-z\d])(?=[A-Z])")
# Names of columns that say something else in JSON.
OTHER_MEANINGS = frozenset(
    {"data", "type", "typ", "group", "list", "project", "section", "area", "day", "when", "not"}
)
ENGLISH_TAGS = frozenset({"folder", "folders", "notebook", "collection", "keyword", "label"})
TEXT_NAMES = frozenset(
    {"fact text", "memory body", "note body", "note content", "body text", "text content", "raw text"}
)
TAG_NAMES = frozenset({"memory category", "memory categories", "memory tags", "tag names", "tag list"})
TIME_NAMES = frozenset({
    "created date", "date time", "saved time", "inserted at", "recorded at", "written at", "entry date", "memory date",
    "start time", "started at", "時間", "时间", "zeitpunkt", "horodatage",
})  # fmt: skip


def _list_aliases() -> Mapping[str, str]:
    groups: tuple[tuple[str, Iterable[str]], ...] = (
        (
            "role",
            (
                "rolle",
                "rol",
                "rôle",
                "papel",
                "ruolo",
                "rola",
                "roll",
                "роль",
                "角色",
                "役割",
                "역할",
                "absender",
            ),
        ),
        ("archived", names.ARCHIVED),
        ("deleted", names.TRASHED),
        ("expires_at", names.ENDS),
        ("updated_at", names.UPDATES),
        ("created_at", (*TIME_NAMES, *names.TIMES)),
        ("tags", (*TAG_NAMES, *(name for name in names.TAGS if name not in ENGLISH_TAGS))),
        ("title", names.TITLES),
        ("notes", names.NOTES),
        ("text", (*TEXT_NAMES, *names.TEXTS)),
    )
    return {name: key for key, group in groups for name in group if name not in OTHER_MEANINGS}


ALIASES = _list_aliases()
KNOWN_KEYS = (
    words.ENTRY_FIELDS | words.CHAT_KEYS | words.FOREIGN_KEYS | words.CONVERSATION_KEYS | set(TIME_KEYS)
)


@lru_cache(maxsize=2_048)
def _get_known_key(key: str) -> str:
    """Return the key by which a field is known; the same for one that is not."""
    if key in KNOWN_KEYS or len(key) > MAX_KEY_CHARACTERS:
        return key
    parts = [part.lower() for part in WORD_BREAK.split(key.strip()) if part]
    if (snake := "_".join(parts)) in KNOWN_KEYS:
        return snake
    return ALIASES.get(" ".join(parts), key)


@lru_cache(maxsize=2_048)
def _names_text(key: str) -> bool:
    return _get_known_key(key) in ("text", "notes", "title", "content", "memory", "fact", "note")


def rename_keys(value: Mapping[str, object]) -> Mapping[str, object]:
    """Return an entry with the keys that are known; one that has such a key already keeps it.

    Lists and objects under other names of texts ("facts") stay: they hold entries themselves.
    """
    known = {
        key: key if isinstance(member, list | dict) and _names_text(key) else _get_known_key(key)
        for key, member in value.items()
    }
    if all(key == name for key, name in known.items()):
        return value
    renamed: dict[str, object] = {key: member for key, member in value.items() if known[key] == key}
    for key, member in value.items():
        renamed.setdefault(key if known[key] in renamed else known[key], member)
    return renamed
