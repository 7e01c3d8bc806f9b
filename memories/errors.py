"""What can go wrong in the domain. Each door maps these to its protocol in one file."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from accounts.fields import DecryptError


class Identified(Protocol):
    """A row with an id."""

    @property
    def pk(self) -> UUID: ...


class MemoryNotFound(Exception):
    """There is no such memory for this actor: absent and forbidden are one answer."""


class TagNotFound(Exception):
    """There is no such tag for this actor: absent and another person's are one answer."""


class SavedFilterNotFound(Exception):
    """There is no such saved filter for this actor: absent and another person's are one answer."""


class PersonaNotFound(Exception):
    """There is no such persona for this actor: absent, switched off and closed to them are one answer."""


class VersionConflict(Exception):
    """Somebody changed the memory meanwhile. `current` is the version that is stored now."""

    def __init__(self, current: int) -> None:
        super().__init__("This memory was changed meanwhile.")
        self.current = current


class SealedTextError(DecryptError):
    """Sealed text does not open: changed, moved to another row, or under another key."""


class ImportNotFound(Exception):
    """There is no such import for this actor: absent and forbidden are one answer."""


class ImportInProgress(Exception):
    """Another import of this person's is under way: it must end, or be undone, before the next."""


class IdempotencyKeyInUse(Exception):
    """A request with this idempotency key is being worked on just now."""


class IdempotencyKeyReused(Exception):
    """This idempotency key was used for another request, or with other rights."""


class ApprovalRequired(Exception):
    """Nothing was saved: what the app wrote waits until its person says yes. `proposals` are stored already.

    Raised where a memory would be returned, so that no caller takes a proposal for one.
    """

    def __init__(self, proposals: Sequence[Identified]) -> None:
        super().__init__("This waits for the person's yes.")
        self.proposals = proposals

    @property
    def ids(self) -> list[UUID]:
        return [proposal.pk for proposal in self.proposals]


class SelectionChanged(Exception):
    """There is more than the person was shown, or other, so their yes cannot be to all of it."""


class DuplicateMemory(Exception):
    """Whoever writes asked not to keep a text twice, and `memory` says just this."""

    def __init__(self, memory: Identified) -> None:
        super().__init__("A memory says just this already.")
        self.memory = memory


class ChatModelNotConfigured(Exception):
    """The server has no chat model, and this needs one."""


class ChatConsentRequired(Exception):
    """The chat model is on another host, `host`, and the person has not said yes to their texts going there."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The person has not allowed that their texts are sent to {host}.")
        self.host = host


class InvalidModelOutput(Exception):
    """The chat model's answer is not what was asked for; nothing is kept of it."""
