"""What follows from a change of a row, wherever it was made."""

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from accounts.consent import embeddings as embedding_consent
from accounts.models import PersonKey, User
from memories.index.work_queue import enqueue_withheld, wake_workers_on_commit
from memories.models import IndexState, Memory, MemoryVector


@receiver(post_save, sender=Memory)
def wake_indexing(instance: Memory, **_: object) -> None:
    """A saved memory may be due for embedding: the workers are told once it is committed."""
    if instance.index_state == IndexState.PENDING:
        wake_workers_on_commit()


@receiver(post_delete, sender=PersonKey)
def delete_vectors(instance: PersonKey, **_: object) -> None:
    """With a person's key go the vectors and words of their memories, which say much of the texts that it sealed."""
    MemoryVector.objects.filter(owner_id=instance.pk).delete()


@receiver(embedding_consent.consent_given)
def enqueue_withheld_memories(person: User, **_: object) -> None:
    """What its person kept from the provider until now may be read by it."""
    enqueue_withheld(person)
