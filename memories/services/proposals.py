"""What an app writes that its person is asked about first: kept apart, sealed, until they say yes or no.

Writing alone; what becomes of proposals is memories/review/decisions.py. No search, no persona and no list of memories
reads
their table.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from accounts.keys import get_person_key
from memories import scopes
from memories.models import AuditAction, Memory, Proposal, Visibility
from memories.services import audit
from memories.validation.drafts import Changes, NewMemory

RETENTION = timedelta(days=30)
MAX_PENDING = 1_000  # proposals of one app at a time: none must keep another from proposing


class Content(Changes, total=False):
    """What a proposal says: the fields of a memory, and the `only_tags` of the app that made it."""

    conversation: UUID | None
    position: int | None
    only_tags: Sequence[str]


def needs_approval(actor: Actor, memory: Memory, changes: Changes) -> bool:
    """Where the person wants to be asked; and where everybody would read more, by an app that may not publish.

    That is other words in a public memory, and that it stays public for longer. changes: clean.
    """
    if actor.asks_first:
        return True
    if actor.has_scope(scopes.PUBLISH) or not memory.is_public:
        return False
    stays_public = changes.get("visibility", memory.visibility) == Visibility.PUBLIC
    return stays_public and (_has_new_text(memory, changes) or _has_later_expiry(memory, changes))


def require_approver(actor: Actor) -> None:
    """For what cannot wait, as a proposal is about one memory: whoever must ask for a yes cannot give it.

    Not a scope is missing, so no app must be led to ask for more. Raises InsufficientScope.
    """
    if actor.asks_first:
        raise InsufficientScope("sign-in")


def propose_memories(actor: Actor, items: Sequence[NewMemory], *, source: str) -> list[Proposal]:
    """One proposal an item, in their order; what waits already waits once. Raises ValidationError beyond WAITING.

    The items are clean. What a narrowed app proposes keeps its tags, so that it stays within what it may see.
    """
    contents = [_serialize_content(_serialize_item(item), actor) for item in items]
    return _store_proposals(actor, [(None, content) for content in contents], source)


def propose_change(actor: Actor, memory: Memory, changes: Changes, *, source: str) -> Proposal:
    """The changes, which are clean and no others than these, wait. Raises ValidationError beyond WAITING."""
    [proposal] = _store_proposals(actor, [(memory.pk, _serialize_content(changes, actor))], source)
    return proposal


def purge_proposals() -> int:
    """What nobody looked at for so long is not wanted."""
    return int(Proposal.objects.filter(created_at__lt=Now() - RETENTION).delete()[0])


def load_content(proposal: Proposal) -> Content:
    """What it says: the fields of a memory, and `only_tags` of the app. Raises DecryptError."""
    said: dict[str, Any] = json.loads(proposal.content)
    if said.get("expires_at"):
        said["expires_at"] = datetime.fromisoformat(said["expires_at"])
    if said.get("conversation"):
        said["conversation"] = UUID(said["conversation"])
    return cast(Content, said)


def _has_new_text(memory: Memory, changes: Changes) -> bool:
    return "text" in changes and changes["text"] != memory.text


def _has_later_expiry(memory: Memory, changes: Changes) -> bool:
    """Sooner is what hiding is, and that may every app that writes."""
    until = changes.get("expires_at", memory.expires_at)
    return memory.expires_at is not None and (until is None or until > memory.expires_at)


@transaction.atomic
def _store_proposals(actor: Actor, given: Sequence[tuple[UUID | None, str]], source: str) -> list[Proposal]:
    owner_id = actor.person.pk
    hashes = [_hash_content(owner_id, source, memory_id, content) for memory_id, content in given]
    waiting = Proposal.objects.filter(owner_id=owner_id)
    known = set(map(bytes, waiting.filter(content_hash__in=hashes).values_list("content_hash", flat=True)))
    fresh = {
        digest: Proposal(
            owner_id=owner_id, memory_id=memory_id, content=content, content_hash=digest, source=source
        )
        for digest, (memory_id, content) in zip(hashes, given, strict=True)
        if digest not in known
    }
    if fresh and waiting.filter(source=source).count() + len(fresh) > MAX_PENDING:
        raise ValidationError(
            {
                "text": ValidationError(
                    _("Too much of this app waits for the person's yes already."), code="too_many_waiting"
                )
            }
        )
    # Another request may propose the same just now: then its row is the one.
    Proposal.objects.bulk_create(fresh.values(), ignore_conflicts=True)
    stored = {bytes(each.content_hash): each for each in waiting.filter(content_hash__in=hashes)}
    about = [stored[digest].memory_id or stored[digest].pk for digest in fresh]
    audit.record_event(actor, AuditAction.MEMORY_PROPOSE, owner_id=owner_id, memory_ids=about)
    return [stored[digest] for digest in hashes]


def _serialize_item(item: NewMemory) -> Content:
    return {
        "text": item.text,
        "visibility": str(item.visibility),
        "tags": list(item.tags),
        "expires_at": item.expires_at,
        "conversation": item.conversation,
        "position": item.position,
    }


def _serialize_content(values: Mapping[str, object], actor: Actor) -> str:
    if actor.only_tags:
        values = {**values, "only_tags": sorted(map(str, actor.only_tags))}
    return json.dumps(values, default=_encode_value, ensure_ascii=False, sort_keys=True)


def _encode_value(value: datetime | UUID) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _hash_content(owner_id: UUID, source: str, memory_id: UUID | None, content: str) -> bytes:
    said = f"proposal\0{source}\0{memory_id or ''}\0{content}".encode()
    return hmac.digest(get_person_key(owner_id).tag_hash_key, said, hashlib.sha256)
