"""Validate items before staging, and load them from encrypted staged rows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError

from memories.models import StagedMemories, Visibility
from memories.portability.readers.items import ImportItem, Revision
from memories.portability.readers.reasons import REASONS
from memories.portability.readers.times import parse_time
from memories.validation import limits
from memories.validation.drafts import NewMemory, clean_new_memory

MAX_REVISIONS = 10_000  # per memory; the latest are kept


def clean_item(item: ImportItem) -> ImportItem:
    """Return the item as it will be stored. Raises ValidationError."""
    visibility = item.visibility if item.visibility in Visibility.values else Visibility.PRIVATE.value
    new = clean_new_memory(
        NewMemory(
            text=item.text,
            visibility=visibility,
            tags=limits.select_valid_tags(item.tags),
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
        tags=tuple(new.tags),
        history=history,
        version=max(item.version, last + 1),
    )


def get_skip_reason(error: ValidationError) -> str:
    codes = (each.code for errors in error.error_dict.values() for each in errors)
    return next((code for code in codes if code in REASONS), "not_a_memory")


def load_staged_items(row: StagedMemories) -> list[tuple[ImportItem, bool]]:
    """Return the items of a row, each with whether it changes an existing memory."""
    return [(_load_item(value), changes) for value, changes in orjson.loads(row.content)]


def _clean_history(item: ImportItem) -> Iterator[Revision]:
    by_version = {past.version: past for past in item.history}
    for version in sorted(by_version)[-MAX_REVISIONS:]:
        try:
            yield replace(by_version[version], text=limits.clean_text(by_version[version].text))
        except ValidationError:
            continue


def _load_item(value: dict[str, Any]) -> ImportItem:
    history = [
        Revision(each["version"], each["text"], datetime.fromisoformat(each["written_at"]))
        for each in value["history"]
    ]
    return ImportItem(
        **value
        | {
            "tags": tuple(value["tags"]),
            "created_at": parse_time(value["created_at"]),
            "updated_at": parse_time(value["updated_at"]),
            # Rows staged by earlier versions have neither this nor `keeps`.
            "written_at": parse_time(value.get("written_at") or value["updated_at"]),
            "expires_at": value["expires_at"] and datetime.fromisoformat(value["expires_at"]),
            "id": UUID(value["id"]) if value["id"] else None,
            "history": tuple(history),
            "keeps": tuple(value.get("keeps", ())),
            "notes": (),
        }
    )
