"""The limits of what one user stores, if the operator sets them: memories, tags, and earlier versions of memories."""

from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.bounded_cache import BoundedCache
from core.db.locks import OwnerLock, lock_owner
from memories.models import Memory, MemoryRevision

# A process that has counted lets a small part of what is left be stored without counting again, for a short time.
# So a count is rare while there is much room, and the limit is exact where there is little.
UNCOUNTED_SHARE = 64
UNCOUNTED_S = 60.0
MAX_OWNERS = 10_000  # in the memory of a process


class QuotaExceeded(ValidationError):
    """More than a user may store."""

    def __init__(self, name: str, message: str | Promise, limit: int) -> None:
        error = ValidationError(str(message), code="quota", params={"limit": f"{limit:,}"})
        super().__init__({name: error})


@dataclass
class _Uncounted:
    """How many more rows of a user may be stored before they are counted again."""

    left: int


@dataclass
class _Quota:
    """The limit of a user's rows of a model. `setting` is its name; 0 means no limit."""

    model: type[Memory] | type[MemoryRevision]
    setting: str
    message: str | Promise
    _uncounted: BoundedCache[UUID, "_Uncounted"] = field(
        default_factory=lambda: BoundedCache(MAX_OWNERS, UNCOUNTED_S)
    )

    @property
    def limit(self) -> int:
        return int(getattr(settings, self.setting))

    def take_uncounted(self, owner_id: UUID, wanted: int) -> bool:
        """Return whether so many more rows fit, as far as this is known without counting."""
        if not self.limit or not wanted:
            return True
        with self._uncounted.lock:
            uncounted = self._uncounted.get(owner_id)
            if uncounted is None or uncounted.left < wanted:
                return False
            uncounted.left -= wanted
            return True

    def count(self, owner_id: UUID, wanted: int) -> bool:
        """Return whether so many more rows fit."""
        left = self.limit - self.model._default_manager.filter(owner_id=owner_id).count() - wanted
        self._uncounted.store(owner_id, _Uncounted(max(left, 0) // UNCOUNTED_SHARE))
        return left >= 0

    def forget(self) -> None:
        """Forget what this process has counted."""
        self._uncounted.clear()


_memories = _Quota(
    Memory,
    "MEMORIES_PER_PERSON",
    _(
        "You can store at most %(limit)s memories, including those in the trash. Delete some permanently first."
    ),
)
_revisions = _Quota(
    MemoryRevision,
    "REVISIONS_PER_PERSON",
    _(
        "You can store at most %(limit)s earlier versions of memories. "
        "To make room, permanently delete memories that were changed often."
    ),
)
_TOO_MANY_TAGS = _("You can have at most %(limit)s tags. Delete some first.")


def take_uncounted(owner_id: UUID, wanted: int) -> bool:
    """Return whether so many more memories fit, without a query. If not, call `check_quota` in a transaction."""
    return _memories.take_uncounted(owner_id, wanted)


def check_quota(owner_id: UUID, wanted: int) -> None:
    """Raise QuotaExceeded (text) if `wanted` more memories exceed the limit. Needs a transaction, as `has_quota`."""
    if not has_quota(owner_id, wanted):
        raise QuotaExceeded("text", _memories.message, _memories.limit)


def has_quota(owner_id: UUID, wanted: int) -> bool:
    """Return whether `wanted` more memories fit. Needs a transaction, whose end releases the lock on the count."""
    if not _memories.limit:
        return True
    lock_owner(OwnerLock.MEMORIES, owner_id)
    return _memories.count(owner_id, wanted)


def check_revision_quota(owner_id: UUID, wanted: int = 1) -> None:
    """Raise QuotaExceeded (text) if so many more earlier versions exceed the limit."""
    if not _revisions.take_uncounted(owner_id, wanted) and not _revisions.count(owner_id, wanted):
        raise QuotaExceeded("text", _revisions.message, _revisions.limit)


def build_tag_error() -> QuotaExceeded:
    """Return the error (tags) of more tags than a user may have, which tags.ensure_tags counts."""
    return QuotaExceeded("tags", _TOO_MANY_TAGS, settings.TAGS_PER_PERSON)


def forget_counts() -> None:
    """Forget what this process has counted."""
    _memories.forget()
    _revisions.forget()
