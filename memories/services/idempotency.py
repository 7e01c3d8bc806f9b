"""Idempotency keys: the encrypted response is stored in the transaction of the action and returned again for a day.

A failed action stores nothing, so its key can be used again.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import ExpressionWrapper, Q
from django.db.models.fields import BooleanField
from django.db.models.functions import Now

from accounts.actor import Actor
from core.db.locks import get_lock_number, try_lock
from memories.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from memories.models import StoredAnswer

RETENTION = timedelta(hours=24)


def run_once(actor: Actor, key: str, request: bytes, act: Callable[[], str]) -> tuple[str, bool]:
    """Return the response of `act` for this key, and whether it is a stored one.

    request: the whole request. Raises IdempotencyKeyReused if it differs from the first one, or if the actor's rights
    do, since a stored response must not reveal what the actor can no longer see. Raises IdempotencyKeyInUse while the
    first is being processed.
    """
    key_hash = hashlib.sha256(f"{actor.client_id or ''}\0{key}".encode()).digest()
    fingerprint = hashlib.sha256(_serialize_rights(actor) + request).hexdigest()
    with transaction.atomic():
        _lock_key(actor, key_hash)
        stored = _find_stored_answer(actor, key_hash)
        if stored is not None:
            content = json.loads(stored.answer)
            if not hmac.compare_digest(content["fingerprint"], fingerprint):
                raise IdempotencyKeyReused
            return content["answer"], True
        answer = act()
        StoredAnswer.objects.create(
            owner_id=actor.person.pk,
            key_hash=key_hash,
            answer=json.dumps({"fingerprint": fingerprint, "answer": answer}),
        )
    return answer, False


def purge_stored_answers() -> int:
    return StoredAnswer.objects.filter(created_at__lt=Now() - RETENTION).delete()[0]


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
