"""Tags of notes as Obsidian knows them, and the exact names beside them in the notes that Picard exports."""

import re
import unicodedata
from collections.abc import Sequence

TAG_NAMES = (
    "tag_names"  # the property with the exact names, where Obsidian would not take one of them for a tag
)
# Obsidian allows letters, digits, emoji, `_`, `-` and `/` in tags, but none that is only a number.
NOT_IN_TAG = re.compile(r"[\s\u2000-\u206f\u2e00-\u2e7f'!\"#$%&()*+,.:;<=>?@^`{|}~\[\]\\\x00-\x1f\x7f-\x9f]+")
LEVELS = re.compile(r"[:/]")
NOT_A_NUMBER = re.compile(r"[^\d/_-]")


def build_tag_properties(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the properties of a note for these names of tags."""
    tags = list(dict.fromkeys(filter(None, map(format_tag, names))))
    return {"tags": tags} if tags == list(names) else {"tags": tags, TAG_NAMES: list(names)}


def restore_names(tags: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the exact names that a note has, and the tags that were added to them in Obsidian."""
    known = set(map(format_tag, names))
    return (*names, *(tag for tag in tags if tag not in known))


def format_tag(name: str) -> str:
    """Return a name as a tag of Obsidian, "" if nothing of it can be one.

    A colon becomes a level of nested tags: `imported:chatgpt` is below `imported`.
    """
    levels = LEVELS.split(unicodedata.normalize("NFC", name))
    tag = "/".join(filter(None, (NOT_IN_TAG.sub("-", level).strip("-") for level in levels)))
    return f"_{tag}" if tag and not NOT_A_NUMBER.search(tag) else tag
