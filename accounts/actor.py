"""On whose authority, and through which door, an act is done."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils import timezone

from accounts.models import User


class Channel(StrEnum):
    """Where an act came in. The value is stored with what was written and in the audit."""

    WEB = "web"
    API = "api"
    MCP = "mcp"
    COMMAND = "command"
    WORKER = "worker"


class InsufficientScope(Exception):
    """The actor lacks `scope`. Each door answers in its protocol's words, naming the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}.")
        self.scope = scope


@dataclass(frozen=True)
class Actor:
    """A person, or an app on a person's behalf; `user` is None for an anonymous visitor.

    scopes: what the app's token allows, already intersected with what the person narrowed.
    client_id: the app; None for the person's own session, which holds every scope.
    only_tags: ids of the tags an app was narrowed to; None for no narrowing.
    until: when the app's access ends.
    asks_first: what the app adds or changes waits for the person's yes.
    """

    user: User | None
    door: Channel
    scopes: frozenset[str] = frozenset()
    client_id: str | None = None
    only_tags: frozenset[UUID] | None = None
    until: datetime | None = None
    asks_first: bool = False

    @property
    def is_app(self) -> bool:
        return self.client_id is not None

    @property
    def person(self) -> User:
        """The signed-in person. Raises InsufficientScope for an anonymous visitor."""
        if self.user is None:
            raise InsufficientScope("sign-in")
        return self.user

    def has_scope(self, scope: str) -> bool:
        if self.user is None or not self.user.is_active:
            return False
        if self.until is not None and self.until <= timezone.now():
            return False
        return not self.is_app or scope in self.scopes

    def require_scope(self, scope: str) -> None:
        """Every service begins with this. Raises InsufficientScope."""
        if not self.has_scope(scope):
            raise InsufficientScope(scope)


ANONYMOUS = Actor(user=None, door=Channel.WEB)
