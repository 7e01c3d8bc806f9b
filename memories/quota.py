"""How many memories a person may keep, where an operator bounds it."""

from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from memories.models import Memory
from memories.owned import lock_alone


def check_room(owner_id: UUID, wanted: int) -> None:
    """Raises ValidationError (text) where so many more do not fit. Needs a transaction: who counts does so alone."""
    if not settings.MEMORIES_PER_PERSON:
        return
    lock_alone(owner_id, "memories_memory")
    if Memory.objects.filter(owner_id=owner_id).count() + wanted > settings.MEMORIES_PER_PERSON:
        said = _(
            "You can keep %(limit)s memories, those in the trash among them. Delete some for ever first."
        )
        limit = f"{settings.MEMORIES_PER_PERSON:,}"
        raise ValidationError({"text": ValidationError(said, code="quota", params={"limit": limit})})
