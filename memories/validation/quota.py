"""How many memories a person may keep, where an operator bounds it."""

from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.db.locks import OwnerLock, lock_owner
from memories.models import Memory


def check_quota(owner_id: UUID, wanted: int) -> None:
    """Raises ValidationError (text) where so many more do not fit. Needs a transaction, as `has_quota` does."""
    if not has_quota(owner_id, wanted):
        said = _(
            "You can keep %(limit)s memories, those in the trash among them. Delete some for ever first."
        )
        limit = f"{settings.MEMORIES_PER_PERSON:,}"
        raise ValidationError({"text": ValidationError(said, code="quota", params={"limit": limit})})


def has_quota(owner_id: UUID, wanted: int) -> bool:
    """Whether so many more fit. Needs a transaction: who counts does so alone, until its end."""
    if not settings.MEMORIES_PER_PERSON:
        return True
    lock_owner(OwnerLock.MEMORIES, owner_id)
    kept: int = Memory.objects.filter(owner_id=owner_id).count()
    return kept + wanted <= int(settings.MEMORIES_PER_PERSON)
