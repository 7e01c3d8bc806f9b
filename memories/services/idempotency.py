"""Idempotency keys: the encrypted response is stored in the transaction of the action and returned again for a day.

A failed action stores nothing, so its key can be used again. A response is returned again only while the memories in
it are there, and each time it is a read; of a memory that is deleted permanently only the fact remains that it was
answered. The responses of one user take a bounded room, whatever their apps send.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import ExpressionWrapper, Q
from django.db.models.fields import BooleanField
from django.db.models.functions import Now

from accounts.actor import Actor
from core.db.locks import get_lock_number, try_lock
from memories import scopes
from memories.errors import IdempotencyKeyInUse, IdempotencyKeyReused, MemoryNotFound
from memories.models import AuditAction, Memory, StoredAnswer
from memories.models.visibility import MemoryQuerySet
from memories.services import audit

RETENTION = timedelta(hours=24)
MAX_BYTES = 50_000_000  # of a user's stored responses, in encrypted form; the oldest are deleted
# Room is made for each large response, and for one in FEW_OF of the others, so that most requests need no statement.
LARGE_CHARACTERS = 50_000
FEW_OF = 64

# The ids are in the order of time. What another request deletes already is skipped, so that none waits for another.
MAKE_ROOM = """
delete from memories_storedanswer where owner_id = %(owner)s and id in (
  select stored.id from memories_storedanswer stored join (
    select id, sum(octet_length(answer)) over (order by id desc) as total
    from memories_storedanswer where owner_id = %(owner)s) sized on sized.id = stored.id
  where total > %(bytes)s and stored.owner_id = %(owner)s
  for update of stored skip locked)
"""


def run_once(actor: Actor, key: str, request: bytes, act: Callable[[], str]) -> tuple[str, bool]:
    """Return the response of `act` for this key, and whether it is a stored one.

    request: the whole request. Raises IdempotencyKeyReused if it differs from the first one, or if the actor's rights
    do, and MemoryNotFound if a memory in the response is gone: a stored response must not reveal what the actor can no
    longer see. Raises IdempotencyKeyInUse while the first is being processed.
    """
    key_hash = hashlib.sha256(f"{actor.client_id or ''}\0{key}".encode()).digest()
    fingerprint = hashlib.sha256(_serialize_rights(actor) + request).hexdigest()
    with audit.atomic() as block:
        _lock_key(actor, key_hash)
        stored = _find_stored_answer(actor, key_hash)
        if stored is not None:
            content = json.loads(stored.answer)
            if stored.memory_ids is None or not hmac.compare_digest(content["fingerprint"], fingerprint):
                raise IdempotencyKeyReused
            _record_repetition(actor, stored.memory_ids)
            return content["answer"], True
        answer = act()
        stored = StoredAnswer.objects.create(
            owner_id=actor.person.pk,
            key_hash=key_hash,
            answer=json.dumps({"fingerprint": fingerprint, "answer": answer}),
            memory_ids=block.list_readable_ids(),
        )
        if len(answer) > LARGE_CHARACTERS or key_hash[0] % FEW_OF == 0:
            _make_room(actor.person.pk)
    return answer, False


def clear_answers(owner_id: UUID, memory_ids: Collection[UUID]) -> None:
    """Delete the texts of stored responses with memories that are deleted permanently. The keys stay used."""
    rows = StoredAnswer.objects.filter(owner_id=owner_id, memory_ids__overlap=list(memory_ids))
    for stored in rows.iterator(chunk_size=100):
        content = json.loads(stored.answer)
        stored.answer = json.dumps({"fingerprint": content["fingerprint"], "answer": ""})
        stored.save(update_fields=["answer"])


def purge_stored_answers() -> int:
    return StoredAnswer.objects.filter(created_at__lt=Now() - RETENTION).delete()[0]


def _make_room(owner_id: UUID) -> None:
    """Delete the user's oldest responses beyond MAX_BYTES. A request that is sent again comes soon after the first."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE_ROOM, {"owner": owner_id, "bytes": MAX_BYTES})


def _record_repetition(actor: Actor, memory_ids: Collection[UUID]) -> None:
    """Record that the actor reads these memories again. Raises MemoryNotFound if one of them is gone."""
    if not memory_ids:
        return
    if _list_present(actor).filter(pk__in=memory_ids).count() < len(memory_ids):
        raise MemoryNotFound
    audit.record_read(actor, AuditAction.MEMORY_READ, owner_id=actor.person.pk, memory_ids=memory_ids)


def _list_present(actor: Actor) -> MemoryQuerySet[Memory]:
    """Return what the actor can see; an app that only writes sees nothing, but was told of what it wrote."""
    if actor.has_scope(scopes.READ):
        return Memory.objects.visible_to(actor, owner=actor.person)
    return Memory.objects.visible_to(Actor(actor.user, actor.door), owner=actor.person)


def _serialize_rights(actor: Actor) -> bytes:
    tags = sorted(map(str, actor.only_tags)) if actor.only_tags is not None else None
    return json.dumps([sorted(actor.scopes), tags]).encode() + b"\n"


def _lock_key(actor: Actor, key_hash: bytes) -> None:
    """Lock the key until the end of the transaction, or raise IdempotencyKeyInUse without waiting."""
    digest = hashlib.sha256(actor.person.pk.bytes + key_hash).digest()
    if not try_lock(get_lock_number(digest)):
        raise IdempotencyKeyInUse


def _find_stored_answer(actor: Actor, key_hash: bytes) -> StoredAnswer | None:
    is_expired = ExpressionWrapper(Q(created_at__lt=Now() - RETENTION), output_field=BooleanField())
    rows = StoredAnswer.objects.filter(owner_id=actor.person.pk, key_hash=key_hash)
    stored = rows.annotate(is_expired=is_expired).first()
    if stored is not None and stored.is_expired:
        rows.delete()
        return None
    return stored
