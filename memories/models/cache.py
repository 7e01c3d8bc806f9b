"""Which processes cache an owner's vectors, and what changed since (memories/search/cache, decision 0056).

Both tables are unlogged: a crash, a restored backup or a promoted replica empties them, and with them every cache.
"""

from django.db import models
from django.db.models.functions import Now

from accounts.ids import new_id
from accounts.models import User
from memories.owned import Owned


class VectorCache(Owned, models.Model):
    """A process keeps this owner's vectors in memory. Without the row it drops them at its next look.

    While there is one, a trigger records each change of the owner's vectors. seen: the process knows the effects of all
    transactions with a lower number, so their changes can be purged.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    used_at = models.DateTimeField(db_default=Now(), editable=False)
    seen = models.BigIntegerField(editable=False)

    def __str__(self) -> str:
        return f"vector cache {self.pk}"


class VectorChange(Owned, models.Model):
    """A transaction changed, added or deleted passages of a memory. Written by a trigger, whoever acts."""

    pk = models.CompositePrimaryKey("owner_id", "transaction", "memory_id")
    # No constraint: the passages of a deleted account are deleted when its transaction commits.
    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False, db_constraint=False
    )
    transaction = models.BigIntegerField(editable=False)
    memory_id = models.UUIDField(editable=False)  # no foreign key: the change outlives the memory

    def __str__(self) -> str:
        return f"change of memory {self.memory_id} by transaction {self.transaction}"
