"""The audit log: who did what to which memories; and how often each reader and app used each of them."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.ids import new_id
from accounts.models import User
from memories.models.memory import CLIENT_ID_CHARACTERS
from memories.owned import Owned


class AuditAction(models.TextChoices):
    """What was done, as `subject:action`."""

    MEMORY_CREATE = "memory:create", _("added")
    MEMORY_READ = "memory:read", _("read")
    MEMORY_LIST = "memory:list", _("listed")
    MEMORY_SEARCH = "memory:search", _("searched")
    MEMORY_UPDATE = "memory:update", pgettext_lazy("activity", "changed")
    MEMORY_PUBLISH = "memory:publish", _("made public")
    MEMORY_UNPUBLISH = "memory:unpublish", _("made private")
    MEMORY_TRASH = "memory:trash", _("moved to trash")
    MEMORY_RESTORE = "memory:restore", _("restored")
    MEMORY_DELETE = "memory:delete", _("deleted permanently")
    MEMORY_PURGE = "memory:purge", _("purged")
    MEMORY_EXPORT = "memory:export", _("exported")
    MEMORY_PROPOSE = "memory:propose", _("proposed")
    MEMORY_DECLINE = "memory:decline", _("declined")
    PERSONA_ASK = "persona:ask", _("asked the persona")
    APP_CONNECT = "app:connect", pgettext_lazy("activity", "connected")
    APP_NARROW = "app:narrow", _("access changed")
    APP_PAUSE = "app:pause", pgettext_lazy("activity", "paused")
    APP_RESUME = "app:resume", _("resumed")
    APP_DISCONNECT = "app:disconnect", pgettext_lazy("activity", "disconnected")
    ACCOUNT_CLOSE = "account:close", _("closed the account")
    ACCOUNT_RESTORE = "account:restore", _("restored the account")


READ_ACTIONS = (
    AuditAction.MEMORY_READ,
    AuditAction.MEMORY_LIST,
    AuditAction.MEMORY_SEARCH,
    AuditAction.MEMORY_EXPORT,
    AuditAction.PERSONA_ASK,
)


class AuditEvent(Owned, models.Model):
    """Who did what to which memories, when, and through which channel and app. No text; append-only by a trigger."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    actor_id = models.UUIDField(null=True, editable=False)  # no foreign key: the event outlives the user
    door = models.CharField(max_length=10, editable=False)
    client_id = models.CharField(max_length=CLIENT_ID_CHARACTERS, blank=True, editable=False)
    action = models.CharField(max_length=20, choices=AuditAction, editable=False)
    memory_ids = ArrayField(models.UUIDField(), editable=False)
    happened_at = models.DateTimeField(db_default=Now(), editable=False)
    first_ids: list[UUID]  # annotated by clients.audit_log.with_first_ids
    id_count: int

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="audit_of_owner"),
            models.Index(fields=["owner", "client_id", "-id"], name="audit_of_client"),
        ]

    def __str__(self) -> str:
        return f"{self.action} at {self.happened_at}"

    @property
    def description(self) -> str:
        """The action in the current language."""
        return str(AuditAction(self.action).label)


ANONYMOUS_ID = UUID(int=0)  # `MemoryUse.actor_id` of anonymous users


class UseKind(models.TextChoices):
    """READ and WRITE are counted on pages; OTHER (a proposal) only tells when an app was last active."""

    READ = "read"
    WRITE = "write"
    OTHER = "other"


class MemoryUse(Owned, models.Model):
    """How often, and when last, one reader or app used one memory. A trigger on the audit log counts (decision 0037).

    Owners' own use in their session is not counted. Kept until AUDIT_DAYS after the last use.
    """

    pk = models.CompositePrimaryKey("owner_id", "memory_id", "actor_id", "client_id", "kind")
    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False
    )
    memory_id = models.UUIDField(editable=False)  # no foreign key: the count outlives the memory
    actor_id = models.UUIDField(editable=False)  # ANONYMOUS_ID, or a user, who may have been deleted since
    client_id = models.CharField(max_length=CLIENT_ID_CHARACTERS, blank=True, editable=False)
    kind = models.CharField(max_length=5, choices=UseKind, editable=False)
    times = models.IntegerField(editable=False)
    last_at = models.DateTimeField(editable=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.times} times until {self.last_at}"


class AppDay(Owned, models.Model):
    """How often an app read and wrote memories on one day of the owner, in the owner's time zone.

    `reads` and `writes` are audit events with memories. The worker sums them until `AuditSum.until`; later events are
    counted when they are needed (decision 0052).
    """

    pk = models.CompositePrimaryKey("owner_id", "day", "client_id")
    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="+", editable=False, db_index=False
    )
    day = models.DateField(editable=False)
    client_id = models.CharField(max_length=CLIENT_ID_CHARACTERS, editable=False)
    reads = models.IntegerField(editable=False)
    writes = models.IntegerField(editable=False)

    def __str__(self) -> str:
        return f"{self.reads} reads and {self.writes} writes on {self.day}"


class AuditSum(models.Model):
    """Up to which audit event, of all owners, `AppDay` is summed. One row, none before the first time."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    until = models.UUIDField(editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_sum")]

    def __str__(self) -> str:
        return f"summed until {self.until}"
