"""Validate items before they are staged."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from django.core.exceptions import ValidationError

from memories.models import Visibility
from memories.portability.imports.places import OWN_FORMAT
from memories.portability.readers.items import ImportItem, Revision
from memories.portability.readers.reasons import REASONS
from memories.validation import limits
from memories.validation.drafts import NewMemory, clean_new_memory

MAX_REVISIONS = 10_000  # per memory; the latest are kept
TAGS_DROPPED = "tags_dropped"


def clean_item(item: ImportItem, name: str = "") -> ImportItem:
    """Return the item as it will be stored, with the tags that a memory can have. name: of its format.

    Raises ValidationError.
    """
    visibility = item.visibility if item.visibility in limits.VISIBILITIES else Visibility.PRIVATE.value
    tags, is_cut = _select_tags(item, name)
    new = clean_new_memory(
        NewMemory(
            text=item.text,
            visibility=visibility,
            expires_at=item.expires_at,
            conversation=UUID(item.conversation) if item.conversation else None,
            position=item.position,
        )
    )
    history = tuple(_clean_history(item))
    last = history[-1].version if history else 0
    return replace(
        item,
        text=new.text,
        visibility=new.visibility,
        tags=tuple(tags),
        format=name,
        history=history,
        version=max(item.version, last + 1),
        notes=(*item.notes, TAGS_DROPPED) if is_cut and TAGS_DROPPED not in item.notes else item.notes,
    )


def get_skip_reason(error: ValidationError) -> str:
    codes = (each.code for errors in error.error_dict.values() for each in errors)
    return next((code for code in codes if code in REASONS), "not_a_memory")


def _select_tags(item: ImportItem, name: str) -> tuple[Sequence[str], bool]:
    """Return the tags that a memory can have, and whether there are others. The tag of the source is one of them."""
    if not item.tags:
        return item.tags, False
    limit = limits.TAGS if name == OWN_FORMAT else limits.TAGS - 1
    named = {
        limits.fold_tag_name(" ".join(each.split())) for tag in item.tags for each in limits.split_tags(tag)
    }
    tags = limits.select_valid_tags(item.tags)
    return tags[:limit], len(named - {""}) > len(tags[:limit])


def _clean_history(item: ImportItem) -> Iterator[Revision]:
    if not item.history:
        return
    by_version = {past.version: past for past in item.history}
    for version in sorted(by_version)[-MAX_REVISIONS:]:
        try:
            yield replace(by_version[version], text=limits.clean_text(by_version[version].text))
        except ValidationError:
            continue
