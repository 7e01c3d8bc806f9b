"""A zip of all data stored about a user, available only from their own session."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.utils import timezone

from accounts.actor import Actor, InsufficientScope
from memories import scopes
from memories.models import AuditEvent, Memory
from memories.portability.exports.formats import Export, build_filename, write_jsonl
from memories.portability.exports.pages import check_access, iterate_pages
from memories.portability.exports.zip_stream import ZipMember, stream_zip
from memories.portability.readers.memory_tools.picard_jsonl import TRASH
from memories.services.saved_filters import list_saved_filters

EVENT_CHUNK_SIZE = 1_000
README = """\
All data that this Picard server stores about you.

memories.jsonl  your memories with their history, one per line; you can import it into another Picard
trash.jsonl     trashed and expired memories; these are not imported
profile.json    your account and profile
apps.json       your connected apps and the access you allowed them
administrators.json  what administrators did with your account and your data
filters.json    your saved filters
activity.jsonl  who did what with your memories

Passwords, tokens and keys are not included: they are stored as digests or encrypted.
"""
PROFILE_FIELDS = (
    "id", "email", "handle", "display_name", "bio", "time_zone", "language", "page_language", "persona_enabled",
    "public_page_enabled", "date_joined",
)  # fmt: skip
EVENT_FIELDS = ("id", "action", "door", "client_id", "actor_id", "memory_ids", "happened_at")

# Files with data of other Django apps, by file name; registered in picard/composition.py.
EXTRA_FILES: dict[str, Callable[[Actor], Any]] = {}


def export_everything(actor: Actor) -> Export:
    """Export all data about the user. Raises InsufficientScope for apps: no scope allows this."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    actor.require_scope(scopes.ADMIN)
    return Export(f"{build_filename('everything')}.zip", "application/zip", stream_zip(_build_members(actor)))


def _build_members(actor: Actor) -> Iterator[ZipMember]:
    now = timezone.now()
    yield ZipMember("README.txt", iter([README.encode()]), now)
    yield ZipMember("memories.jsonl", write_jsonl(actor), now)
    yield ZipMember(TRASH, write_jsonl(actor, iterate_pages(actor, Memory.objects.trash_visible_to)), now)
    yield ZipMember(
        "profile.json",
        iter([_encode_json({name: getattr(actor.person, name) for name in PROFILE_FIELDS})]),
        now,
    )
    filters = [{"name": each.name, "parts": each.parts} for each in list_saved_filters(actor)]
    yield ZipMember("filters.json", iter([_encode_json(filters)]), now)
    for name, build_content in EXTRA_FILES.items():
        yield ZipMember(name, iter([_encode_json(build_content(actor))]), now)
    yield ZipMember("activity.jsonl", _stream_activity(actor), now)


def _stream_activity(actor: Actor) -> Iterator[bytes]:
    """Page by id, as the memories: no transaction or cursor may last as long as the download."""
    events = AuditEvent.objects.filter(owner_id=actor.person.pk).order_by("pk").values(*EVENT_FIELDS)
    chunk = events[:EVENT_CHUNK_SIZE]
    while rows := list(chunk):
        check_access(actor)
        for event in rows:
            yield orjson.dumps(event, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
        chunk = events.filter(pk__gt=rows[-1]["id"])[:EVENT_CHUNK_SIZE]


def _encode_json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2)
