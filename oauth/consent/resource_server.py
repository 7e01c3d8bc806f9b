"""Interface to the server that stores a user's memories: the resource server of RFC 6749, section 1.1.

The consent and connected-apps pages read from it. oauth does not import its implementation, picard/resource_server.py:
picard/composition.py registers that at start.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured

from accounts.actor import Actor


@dataclass(frozen=True)
class ClientUsage:
    """How many memories a client read and wrote in the last 30 days, and when it last did either."""

    read: int = 0
    written: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class TagUsage:
    """A tag and the number of memories that have it."""

    name: str
    memories: int


class StoredMemory(Protocol):
    """A memory. Reading `text` raises DecryptError if it cannot be decrypted."""

    @property
    def pk(self) -> UUID: ...

    @property
    def text(self) -> str: ...


class ClientEvent(Protocol):
    """An audit event of a client."""

    @property
    def client_id(self) -> str: ...

    @property
    def happened_at(self) -> datetime: ...

    @property
    def description(self) -> str:
        """Return the action in the current language."""


class ClientActivity(Protocol):
    """An audit event with those of its first memories that still exist."""

    @property
    def event(self) -> ClientEvent: ...

    @property
    def memories(self) -> Sequence[StoredMemory]: ...

    @property
    def missing_count(self) -> int:
        """Return how many of the first memories are in the trash or deleted."""

    @property
    def more_count(self) -> int:
        """Return how many memories the event has besides the first."""

    @property
    def is_about_app(self) -> bool:
        """Return whether something was done to the client, not by it."""

    @property
    def is_by_owner(self) -> bool:
        """Return whether the owner of the memories did it."""


@dataclass(frozen=True)
class AccessPreview:
    """How many memories a client could read, and the newest memories of the user as examples."""

    count: int
    examples: Sequence[StoredMemory]


class ResourceServer(Protocol):
    """What the consent and connected-apps pages need. `user` is the actor of the user's own session."""

    def tag_names(self, user: Actor, ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return the names of these tags by id, without unused ones."""

    def list_tags(self, user: Actor, *, limit: int, including: Collection[UUID]) -> Mapping[UUID, TagUsage]:
        """Return the user's most used tags by id, sorted by name, and those `including` that are used."""

    def preview_access(self, user: Actor, client: Actor, *, examples: int) -> AccessPreview | None:
        """Return what the client could read, None if its scopes do not allow reading."""

    def can_query_personas(self, scope_names: Collection[str]) -> bool:
        """Return whether a client with these scopes could query a persona, the user's own included."""

    def usage_by_client(self, user: Actor) -> Mapping[str, ClientUsage]:
        """Return the usage by client id, without clients that did nothing."""

    def list_activity(
        self, user: Actor, client_id: str | None, *, before: UUID | None
    ) -> tuple[Sequence[ClientActivity], UUID | None]:
        """Return a page of the activity of one client, or of all (None), newest first, and the next page's cursor."""

    def trash_memories_written_by(self, user: Actor, client_id: str) -> int:
        """Move the memories to the trash whose current text the client wrote; return their number."""


_registered: ResourceServer | None = None


def register_resource_server(server: ResourceServer) -> None:
    """Use this implementation from now on."""
    global _registered
    _registered = server


def get_resource_server() -> ResourceServer:
    """Return the registered implementation. Raises ImproperlyConfigured if there is none."""
    if _registered is None:
        raise ImproperlyConfigured("No resource server is registered (see picard/composition.py).")
    return _registered
