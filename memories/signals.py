"""A saved memory may be due for embedding: the workers are told once it is committed."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from memories.indexing import wake_on_commit
from memories.models import IndexState, Memory


@receiver(post_save, sender=Memory)
def wake_indexing(instance: Memory, **_: Any) -> None:
    if instance.index_state == IndexState.PENDING:
        wake_on_commit()
