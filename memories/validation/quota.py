"""The limit of memories per user, if the operator sets one."""

from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.db.locks import OwnerLock, lock_owner
from memories.models import Memory


def check_quota(owner_id: UUID, wanted: int) -> None:
    """Raise ValidationError (text) if `wanted` more memories exceed the limit. Needs a transaction, as `has_quota`."""
    if not has_quota(owner_id, wanted):
        message = _(
            "You can store at most %(limit)s memories, including those in the trash. Delete some permanently first."
        )
        limit = f"{settings.MEMORIES_PER_PERSON:,}"
        raise ValidationError({"text": ValidationError(message, code="quota", params={"limit": limit})})


def has_quota(owner_id: UUID, wanted: int) -> bool:
    """Return whether `wanted` more memories fit. Needs a transaction, whose end releases the lock on the count."""
    if not settings.MEMORIES_PER_PERSON:
        return True
    lock_owner(OwnerLock.MEMORIES, owner_id)
    stored: int = Memory.objects.filter(owner_id=owner_id).count()
    return stored + wanted <= int(settings.MEMORIES_PER_PERSON)
