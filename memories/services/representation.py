"""The fields of a memory by name: every channel selects from these, in its order and under its keys."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from memories.models import Memory
from memories.services.reads import decrypt_or_none
from memories.services.tags import get_tag_names

# Of a memory that an answer cites. Without tags: they are never public.
CITED_FIELDS = ("text", "visibility", "created_at")

FIELDS: dict[str, Callable[[Memory], Any]] = {
    "id": attrgetter("pk"),
    "text": decrypt_or_none,
    "tags": get_tag_names,
    "visibility": attrgetter("visibility"),
    "expires_at": attrgetter("expires_at"),
    "deleted_at": attrgetter("deleted_at"),
    "created_at": attrgetter("created_at"),
    "updated_at": attrgetter("updated_at"),
    "written_at": attrgetter("written_at"),
    "version": attrgetter("version"),
    "source": attrgetter("source"),
    "state": attrgetter("index_state"),
    "conversation": attrgetter("conversation"),
    "position": attrgetter("position"),
}


def represent_memory(memory: Memory, names: Iterable[str], **known: Any) -> dict[str, Any]:
    """The named fields of a memory, in this order; `text` is None where the stored text cannot be decrypted.

    known: values that the caller already has, such as a shortened text.
    """
    return {name: known[name] if name in known else FIELDS[name](memory) for name in names}


def shorten_text(text: str, characters: int) -> str:
    """Return the text, truncated to so many characters and an ellipsis if it is longer."""
    return text if len(text) <= characters else f"{text[:characters].rstrip()}…"
