"""Lookup of an app's current rights for a user. picard/composition.py registers the implementation at startup."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.models import User
from memories import scopes

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


def get_present_actor(actor: Actor) -> Actor:
    """Return the actor with what it may do now, never more than before, for an answer that takes long.

    Raises InsufficientScope if the app is disconnected, paused or expired, if the account is closed, or if the user's
    sessions and tokens were ended, as by a new password.
    """
    before = actor.person
    person = User.objects.filter(pk=before.pk, is_active=True).first()
    if person is None or person.get_session_auth_hash() != before.get_session_auth_hash():
        raise InsufficientScope("sign-in")
    if actor.client_id is None:
        return actor
    now = _actor_lookup(before.pk, actor.client_id, actor.door)
    if now is None:
        raise InsufficientScope(scopes.READ)
    only_tags = now.only_tags if actor.only_tags is None else actor.only_tags
    if now.only_tags is not None and only_tags is not None:
        only_tags &= now.only_tags
    return replace(now, scopes=actor.scopes & now.scopes, only_tags=only_tags)
