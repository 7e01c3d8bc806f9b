"""Which actor an import runs as, and whether it may still continue.

An import started by an app runs as that app, even while the user watches it: watching approves nothing.
"""

from dataclasses import replace

from accounts.actor import Actor
from memories import scopes
from memories.clients import grants as client_grants
from memories.clients.names import get_client_id
from memories.models import ImportBatch, ImportState

REQUIRED_SCOPES = (scopes.READ, scopes.WRITE, scopes.ADMIN)


def require_portability_scopes(actor: Actor) -> None:
    """Require the user's own session, or an app that may manage all memories."""
    for scope in REQUIRED_SCOPES:
        actor.require_scope(scope)


def get_import_actor(actor: Actor, batch: ImportBatch) -> Actor | None:
    """Return the user, or the app with its current access; None if the app may not continue."""
    if not get_client_id(batch.source):
        return actor
    now = client_grants.get_app_actor(batch.owner_id, batch.source)
    if now is None or not can_continue(batch, now):
        return None
    if batch.is_own_yes:
        publish_scope = {scopes.PUBLISH} if batch.publishes else set()
        return replace(now, asks_first=False, scopes=now.scopes | publish_scope)
    return now


def can_continue(batch: ImportBatch, now: Actor | None) -> bool:
    """Return whether the app still has the required access and sees what it saw at the preview.

    now: the app with its current access. The user's own approval covers public memories and changes that need approval.
    """
    if now is None or not all(map(now.has_scope, REQUIRED_SCOPES)):
        return False
    if now.only_tags != (None if batch.only_tags is None else frozenset(batch.only_tags)):
        return False
    if batch.is_own_yes or batch.state == ImportState.STAGED:
        return True
    return not now.asks_first and (now.has_scope(scopes.PUBLISH) or not batch.publishes)
