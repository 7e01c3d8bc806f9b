"""On whose behalf an import goes on, and whether it still may.

What an app brought comes as of that app, also where its person watches it come: by that they say yes to nothing.
"""

from dataclasses import replace

from accounts.actor import Actor
from memories import scopes
from memories.clients import grants as client_grants
from memories.clients.names import get_client_id
from memories.models import ImportBatch, ImportState

REQUIRED_SCOPES = frozenset({scopes.READ, scopes.WRITE, scopes.ADMIN})


def get_import_actor(actor: Actor, batch: ImportBatch) -> Actor | None:
    """The person, or the app as it may act now; None where its app may not go on with it."""
    if not get_client_id(batch.source):
        return actor
    now = client_grants.get_app_actor(batch.owner_id, batch.source)
    if now is None or not can_continue(batch, now):
        return None
    if batch.is_own_yes:
        published = {scopes.PUBLISH} if batch.publishes else set()
        return replace(now, asks_first=False, scopes=now.scopes | published)
    return now


def can_continue(batch: ImportBatch, now: Actor | None) -> bool:
    """Whether its app still may what this needs, and sees what it saw when the import was looked at.

    The person's own yes is one to what is public in it, and to what the app alone would have to wait with.
    """
    if now is None or not all(map(now.has_scope, REQUIRED_SCOPES)):
        return False
    if now.only_tags != (None if batch.only_tags is None else frozenset(batch.only_tags)):
        return False
    if batch.is_own_yes or batch.state == ImportState.STAGED:
        return True
    return not now.asks_first and (now.has_scope(scopes.PUBLISH) or not batch.publishes)
