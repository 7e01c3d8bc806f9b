"""Signal receivers that react to changed rows."""

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.consent import embeddings as embedding_consent
from accounts.models import PersonKey, User
from accounts.profile.service import language_changed
from memories.index import moves
from memories.index.work_queue import enqueue_withheld, wake_workers_on_commit
from memories.models import IndexState, Memory, MemoryVector


@receiver(post_save, sender=Memory)
def wake_indexing(instance: Memory, **_: object) -> None:
    """Notify the workers on commit if the saved memory needs embedding."""
    if instance.index_state == IndexState.PENDING:
        wake_workers_on_commit()


@receiver(post_delete, sender=PersonKey)
def delete_vectors(instance: PersonKey, **_: object) -> None:
    """Delete a user's vectors and keywords with their key: they reveal much about the texts it encrypted."""
    MemoryVector.objects.filter(owner_id=instance.pk).delete()


@receiver(language_changed)
def move_memories(person: User, former: str, **_: object) -> None:
    """Index the user's memories anew in their new language."""
    moves.start_move(person, former)


@receiver(embedding_consent.consent_given)
def enqueue_withheld_memories(person: User, **_: object) -> None:
    """Queue the memories that were withheld from the provider until its user consented."""
    enqueue_withheld(person)
