"""Who performs an action, and through which channel."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils import timezone

from accounts.models import User


class Channel(StrEnum):
    """The channel of a request. The value is stored with memories and in the audit log."""

    WEB = "web"
    API = "api"
    MCP = "mcp"
    COMMAND = "command"
    WORKER = "worker"


class InsufficientScope(Exception):
    """The actor lacks `scope`. Each channel reports it as its protocol requires, with the name of the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}.")
        self.scope = scope


@dataclass(frozen=True)
class Actor:
    """A user, or an app on a user's behalf; `user` is None for an anonymous user.

    door: the channel of the request.
    scopes: the scopes of the app's token, intersected with those of the user's grant.
    client_id: the app; None for the user's own session, which has every scope.
    only_tags: ids of the tags to which the app is limited; None for all memories.
    until: when the app's access ends.
    asks_first: whether the app's changes need the user's approval.
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
        """The signed-in user. Raises InsufficientScope for an anonymous user."""
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
        """Raise InsufficientScope if the actor lacks the scope. Every service calls this first."""
        if not self.has_scope(scope):
            raise InsufficientScope(scope)


ANONYMOUS = Actor(user=None, door=Channel.WEB)
