"""Lookup of an app's current rights for a user. picard/composition.py registers the implementation at startup."""

from collections.abc import Callable
from uuid import UUID

from accounts.actor import Actor, Channel

ActorLookup = Callable[[UUID, str, Channel], Actor | None]


def _find_no_actor(_owner_id: UUID, _client_id: str, _channel: Channel) -> Actor | None:
    return None


_actor_lookup: ActorLookup = _find_no_actor


def set_actor_lookup(lookup: ActorLookup) -> None:
    """Register the lookup from a user id, client id and channel to the app's actor, None without access."""
    global _actor_lookup
    _actor_lookup = lookup


def get_app_actor(owner_id: UUID, source: str) -> Actor | None:
    """Return the actor of a source ("api:<client id>") with its current rights."""
    channel, _colon, client_id = source.partition(":")
    return _actor_lookup(owner_id, client_id, Channel(channel))
