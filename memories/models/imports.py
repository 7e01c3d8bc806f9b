"""Models of imports: staged, encrypted memories that need the user's approval, and results that can be undone."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.ids import new_id
from accounts.models import User
from memories.fields import SealedTextField
from memories.owned import Owned, OwnedKey


class ImportState(models.TextChoices):
    """The state of an import: previewed and pending approval, in progress, done or undone."""

    STAGED = "staged", _("preview")
    RUNNING = "running", _("in progress")
    DONE = "done", pgettext_lazy("import", "done")
    UNDONE = "undone", _("undone")


class ImportEndReason(models.TextChoices):
    """Why an import stopped early."""

    APP = "app", _("The app no longer has the access that the import needs.")
    ROOM = (
        "room",
        _(
            "You have reached the limit of stored memories. "
            "Delete some permanently, then import the file again."
        ),
    )


OPEN_STATES = (ImportState.STAGED, ImportState.RUNNING)


class ImportBatch(Owned, models.Model):
    """One import. `counts` holds only numbers; `sample` is an encrypted JSON array of a few of its texts, and
    `report` one of what comes of each file.

    `total` is how many memories it will create or change, `done` how many it has; `ended_by` is empty for a complete
    import. `source` is who started it, as with Memory; `only_tags` is what its app was limited to, and `is_own_yes`
    is set if the user approved it, not the app. A user has at most one open import: two that were compared with the
    same memories could both create the same one.
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
    # Imports of earlier versions have none.
    report = SealedTextField(null=True)  # type: ignore[misc]
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
    """A chunk of some hundred memories of an import: one encrypted JSON array, emptied once they are imported.

    Afterwards `memory_ids` are the created memories, and `content` names the changed ones.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    batch = OwnedKey(ImportBatch, related_name="chunks")
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
