"""Everything that is kept about a person, in one zip: for them alone, by their own session."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.utils import timezone

from accounts.actor import Actor, InsufficientScope
from memories import scopes
from memories.models import AuditEvent, Memory
from memories.portability.exports.formats import Export, jsonl, named, pages_of
from memories.portability.exports.zip_stream import Member, zipped
from memories.portability.readers.picard_jsonl import TRASH
from memories.services.saved_filters import saved_filters

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
ALSO: dict[str, Callable[[Actor], Any]] = {}


def export_everything(actor: Actor) -> Export:
    """Raises InsufficientScope for an app: no scope would do."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    actor.require(scopes.ADMIN)
    return Export(f"{named('everything')}.zip", "application/zip", zipped(_members(actor)))


def _members(actor: Actor) -> Iterator[Member]:
    now = timezone.now()
    own = Memory.objects.visible_to(actor, owner=actor.person)
    yield Member("README.txt", iter([README.encode()]), now)
    yield Member("memories.jsonl", jsonl(actor, pages_of(actor, own)), now)
    yield Member(TRASH, jsonl(actor, pages_of(actor, Memory.objects.trash_of(actor))), now)
    yield Member("profile.json", iter([_json({name: getattr(actor.person, name) for name in PROFILE})]), now)
    kept = [{"name": each.name, "parts": each.parts} for each in saved_filters(actor)]
    yield Member("filters.json", iter([_json(kept)]), now)
    for name, of in ALSO.items():
        yield Member(name, iter([_json(of(actor))]), now)
    yield Member("activity.jsonl", _activity(actor), now)


def _activity(actor: Actor) -> Iterator[bytes]:
    events = AuditEvent.objects.filter(owner_id=actor.person.pk).order_by("pk")
    for event in events.values(*EVENT).iterator(chunk_size=EVENTS_AT_ONCE):
        yield orjson.dumps(event, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2)
