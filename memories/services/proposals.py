"""Proposals: changes of apps that need the user's approval, stored encrypted and apart from memories.

This module creates them; memories/review/decisions.py approves and declines them. No search, no persona and no list of
memories reads their table.
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
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor, InsufficientScope
from accounts.keys import get_person_key
from memories import scopes
from memories.models import AuditAction, Memory, Proposal, Visibility
from memories.services import audit
from memories.services import tags as tagging
from memories.validation import limits
from memories.validation.drafts import COLUMNS, Changes, NewMemory

RETENTION = timedelta(days=30)
MAX_PENDING = 1_000  # proposals per app, so that no app can block another
MAX_PENDING_OF_ALL = 20_000  # proposals per user, of apps that are disconnected too


class Content(Changes, total=False):
    """The content of a proposal: the fields of a memory, and the `only_tags` of the app that made it."""

    conversation: UUID | None
    position: int | None
    only_tags: Sequence[str]


def needs_approval(actor: Actor, memory: Memory, changes: Changes) -> bool:
    """Return whether the (clean) changes need approval.

    They do if the user requires it, and if an app would pin a memory or change the text of a pinned one, which all
    apps read first. They do too if an app without memories:publish would publish more: a new text in a public memory,
    or a later expiry of one.
    """
    if actor.asks_first or (actor.is_app and _pins_text(memory, changes)):
        return True
    if actor.has_scope(scopes.PUBLISH) or not memory.is_public:
        return False
    stays_public = changes.get("visibility", memory.visibility) == Visibility.PUBLIC
    return stays_public and (_has_new_text(memory, changes) or _has_later_expiry(memory, changes))


def new_needs_approval(actor: Actor, items: Sequence[NewMemory]) -> bool:
    """Return whether new memories need approval: if the user requires it, and if an app would pin one."""
    return actor.asks_first or (actor.is_app and any(item.pinned for item in items))


def require_approver(actor: Actor) -> None:
    """Raise InsufficientScope for an app whose changes need approval, if the action cannot be a proposal.

    A proposal is about one memory. No scope is named as missing, so that apps do not request more.
    """
    if actor.asks_first:
        raise InsufficientScope("sign-in")


def propose_memories(actor: Actor, items: Sequence[NewMemory], *, source: str) -> list[Proposal]:
    """Return one proposal per (clean) item, in order; a pending duplicate is reused.

    Proposals of an app limited to tags get these tags, so that the app can see the result. Raises ValidationError
    beyond MAX_PENDING.
    """
    contents = [_serialize_content(_serialize_item(item), actor) for item in items]
    return _store_proposals(actor, [(None, content) for content in contents], source)


def propose_change(actor: Actor, memory: Memory, changes: Changes, *, source: str) -> Proposal:
    """Store exactly these (clean) changes as a proposal. Raises ValidationError beyond MAX_PENDING."""
    [proposal] = _store_proposals(actor, [(memory.pk, _serialize_content(changes, actor))], source)
    return proposal


def purge_proposals() -> int:
    """Delete the proposals older than RETENTION and return how many."""
    return int(Proposal.objects.filter(created_at__lt=Now() - RETENTION).delete()[0])


def load_content(proposal: Proposal) -> Content:
    """Return the decrypted content of a proposal. Raises DecryptError."""
    content: dict[str, Any] = json.loads(proposal.content)
    if content.get("expires_at"):
        content["expires_at"] = datetime.fromisoformat(content["expires_at"])
    if content.get("conversation"):
        content["conversation"] = UUID(content["conversation"])
    if content.get("supersedes"):
        content["supersedes"] = UUID(content["supersedes"])
    return cast(Content, content)


def select_differences(memory: Memory, changes: Changes) -> Changes:
    """Return the (clean) changes that differ from the memory."""
    differing = {
        name: value
        for name, value in changes.items()
        if name != "tags" and value != getattr(memory, COLUMNS.get(name, name))
    }
    present = {limits.fold_tag_name(name) for name in tagging.get_tag_names(memory)}
    if "tags" in changes and {limits.fold_tag_name(name) for name in changes["tags"]} != present:
        differing["tags"] = changes["tags"]
    return cast(Changes, differing)


def _pins_text(memory: Memory, changes: Changes) -> bool:
    is_pinned = changes.get("pinned", memory.pinned)
    return is_pinned and (not memory.pinned or _has_new_text(memory, changes))


def _has_new_text(memory: Memory, changes: Changes) -> bool:
    return "text" in changes and changes["text"] != memory.text


def _has_later_expiry(memory: Memory, changes: Changes) -> bool:
    """Return whether the expiry moves back; any app that can write may set an earlier one."""
    expires_at = changes.get("expires_at", memory.expires_at)
    return memory.expires_at is not None and (expires_at is None or expires_at > memory.expires_at)


@transaction.atomic
def _store_proposals(
    actor: Actor, contents: Sequence[tuple[UUID | None, str]], source: str
) -> list[Proposal]:
    owner_id = actor.person.pk
    hashes = [_hash_content(owner_id, source, memory_id, content) for memory_id, content in contents]
    pending = Proposal.objects.filter(owner_id=owner_id)
    known = set(map(bytes, pending.filter(content_hash__in=hashes).values_list("content_hash", flat=True)))
    fresh = {
        digest: Proposal(
            owner_id=owner_id, memory_id=memory_id, content=content, content_hash=digest, source=source
        )
        for digest, (memory_id, content) in zip(hashes, contents, strict=True)
        if digest not in known
    }
    if fresh:
        _check_room(pending, source, len(fresh))
    # A concurrent request may have stored the same proposal; its row is used then.
    Proposal.objects.bulk_create(fresh.values(), ignore_conflicts=True)
    stored = {bytes(each.content_hash): each for each in pending.filter(content_hash__in=hashes)}
    about = [stored[digest].memory_id or stored[digest].pk for digest in fresh]
    audit.record_event(actor, AuditAction.MEMORY_PROPOSE, owner_id=owner_id, memory_ids=about)
    return [stored[digest] for digest in hashes]


def _check_room(pending: QuerySet[Proposal], source: str, wanted: int) -> None:
    """Raise ValidationError if so many more proposals of this source exceed a limit."""
    if pending.filter(source=source).count() + wanted > MAX_PENDING:
        message = _("This app has too many pending proposals. Approve or decline some first.")
    elif pending.count() + wanted > MAX_PENDING_OF_ALL:
        message = _("Too many proposals are pending. Approve or decline some first.")
    else:
        return
    raise ValidationError({"text": ValidationError(message, code="too_many_waiting")})


def _serialize_item(item: NewMemory) -> Content:
    return {
        "text": item.text,
        "visibility": str(item.visibility),
        "tags": list(item.tags),
        "expires_at": item.expires_at,
        "conversation": item.conversation,
        "position": item.position,
        "supersedes": item.supersedes,
        "pinned": item.pinned,
    }


def _serialize_content(values: Mapping[str, object], actor: Actor) -> str:
    if actor.only_tags:
        values = {**values, "only_tags": sorted(map(str, actor.only_tags))}
    return json.dumps(values, default=_encode_value, ensure_ascii=False, sort_keys=True)


def _encode_value(value: datetime | UUID) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _hash_content(owner_id: UUID, source: str, memory_id: UUID | None, content: str) -> bytes:
    message = f"proposal\0{source}\0{memory_id or ''}\0{content}".encode()
    return hmac.digest(get_person_key(owner_id).tag_hash_key, message, hashlib.sha256)
