"""The same key never acts twice: the answer is kept, sealed, in the transaction of the act, and given again for a day.

An act that failed leaves nothing, so its key may be tried again.
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
    """What `act` answered to this key, now or before, and whether it was before.

    request: what was asked, whole. Raises KeyReused when it was another one, or the actor's rights were others: an
    answer of before must not tell what the actor may not see any more. Raises KeyInFlight while the first is at it.
    """
    key_hash = hashlib.sha256(f"{actor.client_id or ''}\0{key}".encode()).digest()
    fingerprint = hashlib.sha256(_serialize_rights(actor) + request).hexdigest()
    with transaction.atomic():
        _lock_key(actor, key_hash)
        stored = _find_stored_answer(actor, key_hash)
        if stored is not None:
            kept = json.loads(stored.answer)
            if not hmac.compare_digest(kept["fingerprint"], fingerprint):
                raise IdempotencyKeyReused
            return kept["answer"], True
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
    """Held until the transaction ends, however it ends; nobody waits for it."""
    digest = hashlib.sha256(actor.person.pk.bytes + key_hash).digest()
    if not try_lock(get_lock_number(digest)):
        raise IdempotencyKeyInUse


def _find_stored_answer(actor: Actor, key_hash: bytes) -> StoredAnswer | None:
    is_over = ExpressionWrapper(Q(created_at__lt=Now() - RETENTION), output_field=BooleanField())
    rows = StoredAnswer.objects.filter(owner_id=actor.person.pk, key_hash=key_hash)
    stored = rows.annotate(is_over=is_over).first()
    if stored is not None and stored.is_over:
        rows.delete()
        return None
    return stored
