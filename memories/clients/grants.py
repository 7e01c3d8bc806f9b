"""What an app may do for a person at this moment. Who knows it says so at start (picard/composition.py)."""

from collections.abc import Callable
from uuid import UUID

from accounts.actor import Actor, Channel

ActorLookup = Callable[[UUID, str, Channel], Actor | None]


def _find_no_actor(_owner_id: UUID, _client_id: str, _door: Channel) -> Actor | None:
    return None


_actor_lookup: ActorLookup = _find_no_actor


def set_actor_lookup(actor_now: ActorLookup) -> None:
    """From now on actor_now is asked: a person's id, a client id and a door to the app, None where it may nothing."""
    global _actor_lookup
    _actor_lookup = actor_now


def get_app_actor(owner_id: UUID, source: str) -> Actor | None:
    """The app of a source ("api:<client id>"), as it may act now."""
    door, _colon, client_id = source.partition(":")
    return _actor_lookup(owner_id, client_id, Channel(door))
