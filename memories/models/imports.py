"""The tables of imports: what waits, sealed, for a person's yes, and what came of it, so that it can be undone."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.models import User
from memories.fields import SealedTextField
from memories.owned import Owned


class ImportState(models.TextChoices):
    """How far an import is: looked at and waiting for a yes, under way, done, or undone."""

    STAGED = "staged", _("waiting for your yes")
    RUNNING = "running", _("under way")
    DONE = "done", _("done")
    UNDONE = "undone", _("undone")


class ImportEndReason(models.TextChoices):
    """Why an import ended before its end."""

    APP = "app", _("its app may not go on with it")
    ROOM = "room", _("there is no room for more; delete some memories for ever, then bring it again")


OPEN_STATES = (ImportState.STAGED, ImportState.RUNNING)


class ImportBatch(Owned, models.Model):
    """One import. `counts` are numbers alone; `sample` is a JSON array of a few of its texts, sealed.

    `total` is how many memories it will make or change, `done` how many it has; `ended_by` is empty for one that came
    whole. `source` is who brought it, as with Memory; `only_tags` is what its app was narrowed to, and `is_own_yes`
    says that the yes was the person's, not the app's. A person has one open import at most: two that were compared with
    the same memories could both make one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    format = models.CharField(max_length=20, editable=False)
    source = models.CharField(max_length=266, editable=False)
    state = models.CharField(max_length=7, choices=ImportState, default=ImportState.STAGED, editable=False)
    publishes = models.BooleanField(default=False, editable=False)
    only_tags = ArrayField(models.UUIDField(), null=True, editable=False)
    is_own_yes = models.BooleanField(db_default=False, default=False, editable=False)
    ended_by = models.CharField(
        max_length=4, choices=ImportEndReason, blank=True, db_default="", default="", editable=False
    )
    counts = models.JSONField(default=dict, editable=False)
    sample = SealedTextField()
    total = models.PositiveIntegerField(default=0, editable=False)
    done = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "import batches"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner"], condition=Q(state__in=["staged", "running"]), name="one_open_import"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["owner", "-id"], name="imports_of_owner")]

    def __str__(self) -> str:
        return f"import {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


class StagedMemories(Owned, models.Model):
    """Some hundred memories of an import: a JSON array, sealed as one. Emptied once they are imported.

    Then `memory_ids` are those that were made, and `content` names those that were changed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    content = SealedTextField()
    is_done = models.BooleanField(default=False)
    memory_ids = ArrayField(models.UUIDField(), default=list)

    class Meta:
        verbose_name_plural = "staged memories"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "batch", "number"], name="one_chunk_a_number")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of import {self.batch_id}"
