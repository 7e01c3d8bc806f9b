"""Core models. Every owned row has an owner, which never changes; texts and tag names are stored encrypted."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.ids import new_id
from accounts.models import User
from memories.fields import SealedTextField
from memories.models.visibility import MemoryQuerySet, MemoryVectorQuerySet
from memories.owned import Owned, OwnedKey


class Visibility(models.TextChoices):
    PRIVATE = "private", _("private")
    PUBLIC = "public", _("public")


class IndexState(models.TextChoices):
    """The indexing state of a memory's current version for semantic search."""

    PENDING = "pending", _("indexing")
    READY = "ready", _("indexed")
    FAILED = "failed", _("failed")


CLIENT_ID_CHARACTERS = 255  # the maximum length of an app's client id
SOURCE_CHARACTERS = 10 + 1 + CLIENT_ID_CHARACTERS  # channel, colon, app


class Tag(Owned, models.Model):
    """A user's label for memories. Its name can reveal as much as a text, so it is encrypted too."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    name = SealedTextField()
    # HMAC-SHA256 of the folded name, owner's key
    name_hash = models.BinaryField(max_length=32, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "name_hash"], name="one_tag_a_name")]

    def __str__(self) -> str:
        return f"tag {self.pk}"


@dataclass(frozen=True)
class LinkedMemory:
    """The other memory of a link, as an actor may see it."""

    id: UUID
    created_at: datetime


class Memory(Owned, models.Model):
    """A short text that its owner wants AI to know.

    `version` counts every change (ETag, optimistic lock), and `updated_at` is the time of the last; `written_at` is
    the time of the last change of the text. `source` is who wrote it: a channel ("web") or an app ("api:<client
    id>"). `conversation` and `position` order consecutive messages, as in an imported chat: search also matches such
    a memory by its neighbors' words. `supersedes` is the older memory that this one replaces. `imported_id` is the id
    in the file that it was imported from: a further import finds it by this, and exports write it. `pinned` ones come
    first in the context that apps get (memories/context). The `index_*` columns are its embedding job: `pending`
    memories are due at `index_due_at` and leased by the worker `index_leased_by` while that worker holds its advisory
    lock.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    text = SealedTextField()
    visibility = models.CharField(max_length=7, choices=Visibility, default=Visibility.PRIVATE)
    tags = models.ManyToManyField(Tag, through="MemoryTag", related_name="memories")
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    written_at = models.DateTimeField(db_default=Now(), editable=False)
    source = models.CharField(max_length=SOURCE_CHARACTERS, editable=False)
    conversation = models.UUIDField(null=True, editable=False)
    position = models.PositiveIntegerField(null=True, editable=False)
    supersedes = OwnedKey("self", null=True, db_index=False, related_name="+", editable=False)
    imported_id = models.UUIDField(null=True, editable=False)
    pinned = models.BooleanField(default=False, db_default=False)

    index_state = models.CharField(
        max_length=7, choices=IndexState, default=IndexState.PENDING, editable=False
    )
    index_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    index_due_at = models.DateTimeField(db_default=Now(), editable=False)
    index_leased_by = models.IntegerField(null=True, editable=False)
    index_error = models.CharField(max_length=40, blank=True, editable=False)  # a code, never a text

    objects = MemoryQuerySet["Memory"].as_manager()

    # What the actor may see of its links and its source: set by services/supersession.py.
    superseded_by: LinkedMemory | None = None
    superseded: LinkedMemory | None = None
    visible_source: str | None = None
    has_successor: bool = True  # False if it is known that no memory supersedes it
    exported_id: UUID | None = None  # in an export: set by portability/exports/exported_ids.py

    class Meta:
        verbose_name_plural = _("memories")
        constraints = [
            models.CheckConstraint(
                condition=Q(visibility__in=["private", "public"]), name="memory_visibility"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="memory_version"),
            models.CheckConstraint(
                condition=Q(conversation__isnull=True, position__isnull=True)
                | Q(conversation__isnull=False, position__isnull=False),
                name="memory_place_in_conversation",
            ),
            models.CheckConstraint(condition=~Q(supersedes=F("id")), name="memory_supersedes_another"),
            models.UniqueConstraint(
                fields=["owner", "supersedes"], name="one_successor", condition=Q(supersedes__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["owner", "imported_id"],
                name="one_memory_an_imported_id",
                condition=Q(imported_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["owner", "conversation", "position"],
                name="one_memory_a_place",
                condition=Q(conversation__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="memory_live", condition=Q(deleted_at__isnull=True)),
            models.Index(fields=["deleted_at"], name="memory_trash", condition=Q(deleted_at__isnull=False)),
            models.Index(fields=["expires_at"], name="memory_expiry", condition=Q(expires_at__isnull=False)),
            models.Index(
                fields=["index_state", "index_due_at"],
                name="memory_not_indexed",
                condition=~Q(index_state="ready"),
            ),
            models.Index(
                fields=["owner", "index_due_at"],
                name="memory_due_by_owner",
                condition=Q(index_state="pending"),
            ),
            models.Index(
                fields=["supersedes"], name="memory_supersedes", condition=Q(supersedes__isnull=False)
            ),
            models.Index(fields=["owner", "-id"], name="memory_pinned", condition=Q(pinned=True)),
            models.Index(
                fields=["owner", "created_at"],
                include=["id", "expires_at", "index_state", "visibility"],  # all that counting needs
                name="memory_counted",
                condition=Q(deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"memory {self.pk}"  # never its text

    @property
    def is_public(self) -> bool:
        return self.visibility == Visibility.PUBLIC

    @property
    def is_searchable(self) -> bool:
        return self.index_state == IndexState.READY


NO_VERSION = 2**31 - 1  # after any version of a memory


class MemoryTag(Owned, models.Model):
    """The assignment of a tag to a memory. since: the memory's first version with it.

    An app that is limited to the tag sees no earlier version. The default of the column hides all of them.
    """

    pk = models.CompositePrimaryKey("tag_id", "memory_id")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    memory = OwnedKey(Memory, related_name="memory_tags")
    tag = OwnedKey(Tag, related_name="+")
    since = models.PositiveIntegerField(db_default=NO_VERSION)

    def __str__(self) -> str:
        return f"tag {self.tag_id} on memory {self.memory_id}"


class MemoryRevision(Owned, models.Model):
    """An earlier text of a memory, as it was at `version`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    memory = OwnedKey(Memory, related_name="revisions")
    version = models.PositiveIntegerField()
    text = SealedTextField()
    source = models.CharField(max_length=SOURCE_CHARACTERS, editable=False)  # who wrote this text
    written_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "memory", "version"], name="one_revision_a_version")
        ]

    def __str__(self) -> str:
        return f"version {self.version} of memory {self.memory_id}"


class EmbeddingSpace(models.Model):
    """How rows are indexed: by which encoder, by which keyword scheme, in which language (memories/index/spaces.py).

    Vectors of one encoder are comparable; it is empty for memories withheld from a remote provider.
    """

    id = models.SmallAutoField(primary_key=True)
    identity = models.CharField(max_length=300, unique=True)
    encoder = models.CharField(max_length=300, default="", db_default="")
    language = models.CharField(max_length=16, default="", db_default="")

    def __str__(self) -> str:
        return self.identity


class MemoryVector(Owned, models.Model):
    """One passage of a memory as search reads it: a narrow row that one covering index contains entirely.

    `embedding` is null until the worker has embedded it, and if the user does not let the provider read it. Private
    rows are rotated by the owner's secret matrix, with words hashed under the owner's key; public rows are unrotated,
    with words hashed under the server's key. `tokens` is a set: the passage's words and their joined forms, those of
    the day on which the memory was created (date_words.get_day_words), and those of its tags, always under the owner's
    key (tag_words.py). `sequence` is set for memories of a conversation: their order, with gaps.
    """

    pk = models.CompositePrimaryKey("memory_id", "passage")
    memory = OwnedKey(Memory, related_name="vectors", db_index=False)
    passage = models.SmallIntegerField()
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    is_public = models.BooleanField()
    is_trashed = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.PROTECT, null=True, db_index=False)
    embedding = HalfVectorField(dimensions=settings.EMBEDDING_DIMENSIONS, null=True)
    tokens = ArrayField(models.BigIntegerField())
    sequence = models.BigIntegerField(null=True)

    objects = MemoryVectorQuerySet["MemoryVector"].as_manager()

    class Meta:
        indexes = [
            # The exact scan of one owner reads only this index (docs/decisions/0002-exact-covering-index.md).
            models.Index(
                fields=["owner"],
                include=[
                    "memory",
                    "is_public",
                    "is_trashed",
                    "expires_at",
                    "space",
                    "embedding",
                    "tokens",
                    "sequence",
                ],
                name="memory_vector_cover",
            ),
            # What others may see, without touching a private row: their searches must not tell how many there are.
            models.Index(
                fields=["owner"],
                include=["memory", "is_public", "expires_at", "space", "embedding", "tokens", "sequence"],
                name="memory_vector_public",
                condition=Q(is_public=True, is_trashed=False),
            ),
        ]

    def __str__(self) -> str:
        return f"passage {self.passage} of memory {self.memory_id}"


class StoredAnswer(Owned, models.Model):
    """The response to a request with an idempotency key, stored for a day so that a retry has no second effect."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    key_hash = models.BinaryField(max_length=32, editable=False)  # SHA-256 of the app and its key
    answer = SealedTextField()
    # Of the texts in the response. Null in rows of version 0.3 and earlier, which are not returned again.
    memory_ids = ArrayField(models.UUIDField(), null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key_hash"], name="one_answer_a_key")]
        indexes = [models.Index(fields=["created_at"], name="stored_answer_age")]

    def __str__(self) -> str:
        return f"stored answer {self.pk}"
