"""Exports with memories of several users of the other product, which must not become one person's unseen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from memories.portability.files.json_probe import find_strings
from memories.portability.files.parts import Part
from memories.portability.files.streams import read_start
from memories.portability.readers.items import ImportItem, ReadResult
from memories.portability.readers.memory_tools.entries import list_places, merge_tags

USER_KEYS = ("user_id", "userId")
MAX_USERS = 1_000  # distinct ones that are looked for


@dataclass(frozen=True)
class Users:
    """The users in a file."""

    names: frozenset[str] = frozenset()

    def mark(self, result: ReadResult, entry: Mapping[str, object]) -> ReadResult:
        """Add a tag with the user's name to an item, and a note, if the file has several users."""
        if len(self.names) < 2 or not isinstance(result, ImportItem):
            return result
        name = next(_iterate_names(entry), "")
        tags = merge_tags(result.tags, [f"user:{name}"] if name else [])
        return replace(result, tags=tags, notes=(*result.notes, "several_users"))


def _iterate_names(entry: Mapping[str, object]) -> Iterator[str]:
    for place in list_places(entry):
        for key in USER_KEYS:
            if isinstance(name := place.get(key), str) and name:
                yield name


def find_users(part: Part) -> Users:
    """Return the users that the entries of a JSON file name."""
    if not any(key.encode() in read_start(part) for key in USER_KEYS):
        return Users()
    return Users(frozenset(find_strings(part, USER_KEYS, MAX_USERS)))
