"""Everything that is kept about a person, in one zip: for them alone, by their own session."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.utils import timezone

from accounts.actor import Actor, InsufficientScope
from memories import scopes
from memories.models import AuditEvent, Memory
from memories.portability.exports.formats import Export, build_filename, iterate_pages, write_jsonl
from memories.portability.exports.zip_stream import ZipMember, stream_zip
from memories.portability.readers.picard_jsonl import TRASH
from memories.services.saved_filters import list_saved_filters

EVENTS_AT_ONCE = 1_000
README = """\
Everything that this Picard keeps about you.

memories.jsonl  your memories, one a line, with their history; another Picard imports it
trash.jsonl     what is in your trash, or has expired; it is not imported
profile.json    your account and profile
apps.json       the apps that you connected, and what you allowed them
filters.json    the filters that you saved
activity.jsonl  who did what to your memories

Passwords, tokens and keys are not in it: they are kept as digests, or sealed.
"""
PROFILE = (
    "id", "email", "handle", "display_name", "bio", "time_zone", "persona_enabled", "public_page_enabled", "date_joined"
)  # fmt: skip
EVENT = ("id", "action", "door", "client_id", "actor_id", "memory_ids", "happened_at")

# What other rooms keep about a person, by the name of its file; picard/composition.py adds to it.
EXTRA_FILES: dict[str, Callable[[Actor], Any]] = {}


def export_everything(actor: Actor) -> Export:
    """Raises InsufficientScope for an app: no scope would do."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    actor.require_scope(scopes.ADMIN)
    return Export(f"{build_filename('everything')}.zip", "application/zip", stream_zip(_build_members(actor)))


def _build_members(actor: Actor) -> Iterator[ZipMember]:
    now = timezone.now()
    own = Memory.objects.visible_to(actor, owner=actor.person)
    yield ZipMember("README.txt", iter([README.encode()]), now)
    yield ZipMember("memories.jsonl", write_jsonl(actor, iterate_pages(actor, own)), now)
    yield ZipMember(
        TRASH, write_jsonl(actor, iterate_pages(actor, Memory.objects.trash_visible_to(actor))), now
    )
    yield ZipMember(
        "profile.json", iter([_encode_json({name: getattr(actor.person, name) for name in PROFILE})]), now
    )
    kept = [{"name": each.name, "parts": each.parts} for each in list_saved_filters(actor)]
    yield ZipMember("filters.json", iter([_encode_json(kept)]), now)
    for name, of in EXTRA_FILES.items():
        yield ZipMember(name, iter([_encode_json(of(actor))]), now)
    yield ZipMember("activity.jsonl", _stream_activity(actor), now)


def _stream_activity(actor: Actor) -> Iterator[bytes]:
    events = AuditEvent.objects.filter(owner_id=actor.person.pk).order_by("pk")
    for event in events.values(*EVENT).iterator(chunk_size=EVENTS_AT_ONCE):
        yield orjson.dumps(event, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _encode_json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2)
