"""Model of proposals that need the user's approval. Separate from memories/models/memory.py to limit its size."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.ids import new_id
from accounts.models import User
from memories.fields import SealedTextField
from memories.owned import Owned, OwnedKey


class Proposal(Owned, models.Model):
    """A new memory or a change that needs its user's approval. No search and no persona reads this table.

    `content` is JSON: the new memory, or the changed fields. `memory` is None for a new memory, which will get the
    proposal's id. `source` as with a memory. `content_hash` detects repeated proposals.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    memory = OwnedKey("memories.Memory", null=True, related_name="+", editable=False)
    content = SealedTextField()
    content_hash = models.BinaryField(max_length=32, editable=False)  # HMAC-SHA256 under the owner's key
    source = models.CharField(max_length=10 + 1 + 255, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager["Proposal"]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "content_hash"], name="one_proposal_a_content")
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="proposal_of_owner"),
            models.Index(fields=["created_at"], name="proposal_age"),
        ]

    def __str__(self) -> str:
        return f"proposal {self.pk}"  # never its text
