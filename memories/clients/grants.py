"""What an app may do for a person at this moment. Who knows it says so at start (picard/composition.py)."""

from collections.abc import Callable
from uuid import UUID

from accounts.actor import Actor, Door

ActorNow = Callable[[UUID, str, Door], Actor | None]


def _nobody_knows(_owner_id: UUID, _client_id: str, _door: Door) -> Actor | None:
    return None


_ask: ActorNow = _nobody_knows


def known_by(actor_now: ActorNow) -> None:
    """From now on actor_now is asked: a person's id, a client id and a door to the app, None where it may nothing."""
    global _ask
    _ask = actor_now


def actor_now(owner_id: UUID, source: str) -> Actor | None:
    """The app of a source ("api:<client id>"), as it may act now."""
    door, _colon, client_id = source.partition(":")
    return _ask(owner_id, client_id, Door(door))
