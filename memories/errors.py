"""Domain errors. Each channel maps them to its protocol in one file."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from accounts.fields import DecryptError


class Identified(Protocol):
    """A row with an id."""

    @property
    def pk(self) -> UUID: ...


class MemoryNotFound(Exception):
    """The memory does not exist or the actor cannot access it; both look the same."""


class TagNotFound(Exception):
    """The tag does not exist or belongs to another user; both look the same."""


class SavedFilterNotFound(Exception):
    """The saved filter does not exist or belongs to another user; both look the same."""


class PersonaNotFound(Exception):
    """The persona does not exist, is turned off or is not available to this actor; all look the same."""


class VersionConflict(Exception):
    """The memory was changed in the meantime. `current` is the version stored now."""

    def __init__(self, current: int) -> None:
        super().__init__("This memory was changed in the meantime.")
        self.current = current


class SealedTextError(DecryptError):
    """Encrypted text cannot be decrypted: it was changed, moved to another row, or uses another key."""


class ImportNotFound(Exception):
    """The import does not exist or the actor cannot access it; both look the same."""


class ImportInProgress(Exception):
    """Another import of this user is in progress; it must finish or be undone first."""


class IdempotencyKeyInUse(Exception):
    """Another request with this idempotency key is still being processed."""


class IdempotencyKeyReused(Exception):
    """This idempotency key was used for a different request or with different rights."""


class ApprovalRequired(Exception):
    """Nothing was saved: the app's change needs its user's approval. `proposals` are already stored.

    Raised instead of returning a memory, so that no caller mistakes a proposal for one.
    """

    def __init__(self, proposals: Sequence[Identified]) -> None:
        super().__init__("This needs the user's approval.")
        self.proposals = proposals

    @property
    def ids(self) -> list[UUID]:
        return [proposal.pk for proposal in self.proposals]


class SelectionChanged(Exception):
    """The selection differs from what the user was shown, so their confirmation cannot apply to all of it."""


class DuplicateMemory(Exception):
    """The caller asked to reject duplicates, and `memory` already has this text."""

    def __init__(self, memory: Identified) -> None:
        super().__init__("A memory with this text already exists.")
        self.memory = memory


class ChatConsentRequired(Exception):
    """The chat model runs on another host, `host`, and the user has not allowed sending their texts there."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The user has not allowed sending their texts to {host}.")
        self.host = host


class InvalidModelOutput(Exception):
    """The chat model's output does not have the requested format; nothing of it is saved."""
