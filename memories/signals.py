"""Signal receivers that react to changed rows."""

from collections import deque
from uuid import UUID

from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver

from accounts.consent import embeddings as embedding_consent
from accounts.models import PersonKey, User
from accounts.profile.service import language_changed
from accounts.sessions.revocation import sessions_ended
from memories.index import moves
from memories.index.work_queue import enqueue_withheld, wake_workers_on_commit
from memories.models import IndexState, Memory, MemoryVector
from memories.search.cache import store as vector_cache


@receiver(post_save, sender=Memory)
def wake_indexing(instance: Memory, **_: object) -> None:
    """Notify the workers on commit if the saved memory needs embedding."""
    if instance.index_state == IndexState.PENDING:
        wake_workers_on_commit()


@receiver(pre_delete, sender=User)
def lock_memories(instance: User, **_: object) -> None:
    """Lock the user's memories before anything else of them, as the indexing worker does, which would deadlock else."""
    _lock_memories(instance.pk)


@receiver(post_delete, sender=PersonKey)
def delete_vectors(instance: PersonKey, **_: object) -> None:
    """Delete a user's vectors and keywords with their key: they reveal much about the texts it encrypted."""
    vector_cache.end_owner(instance.pk)
    _lock_memories(instance.pk)
    MemoryVector.objects.filter(owner_id=instance.pk).delete()


@receiver(sessions_ended)
def drop_cached_vectors(user: User, **_: object) -> None:
    """Keep nothing of a user in memory who logged out everywhere or closed the account."""
    vector_cache.end_owner(user.pk)


@receiver(language_changed)
def move_memories(person: User, former: str, **_: object) -> None:
    """Index the user's memories anew in their new language."""
    moves.start_move(person, former)


@receiver(embedding_consent.consent_given)
def enqueue_withheld_memories(person: User, **_: object) -> None:
    """Queue the memories that were withheld from the provider until its user consented."""
    enqueue_withheld(person)


def _lock_memories(owner_id: UUID) -> None:
    rows = Memory.objects.filter(owner_id=owner_id).order_by("pk").select_for_update().values_list("pk")
    deque(rows.iterator(), maxlen=0)
