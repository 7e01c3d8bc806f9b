"""Where memories, oauth and the server meet. None knows another; what one needs of another is handed over here."""

from typing import Any

from accounts import deletion
from accounts.actor import Actor
from memories import app_actors, app_names, app_use, audit, housekeeping
from memories.models import AuditAction
from memories.portability import everything, importing
from oauth import clients, grants
from oauth.housekeeping import STEPS
from oauth.models import AppGrant
from picard import mail


def join() -> None:
    """Once, at start."""
    housekeeping.STEPS.update(STEPS)
    housekeeping.STEPS["letters"] = mail.purge
    housekeeping.KEPT_TAGS.append(grants.tags_named)
    app_names.known_by(clients.names_of)
    app_actors.known_by(grants.actor_now)
    grants.changed.connect(_record)
    grants.changed.connect(_end_imports)
    everything.ALSO["apps.json"] = _apps
    deletion.closed.connect(_record_closing)
    deletion.restored.connect(_record_restoring)


def _record(*, grant: AppGrant, change: grants.Change, by: Actor, **_: Any) -> None:
    action = AuditAction(f"app:{change}")
    app_use.record_change(by, action, owner_id=grant.user_id, client_id=grant.application.client_id)


def _end_imports(*, grant: AppGrant, change: grants.Change, **_: Any) -> None:
    """At once, so that another import may begin. One finds out by itself, too, what no change tells of, as an end."""
    is_gone = change is grants.Change.DISCONNECT  # of an app that is deleted the grant is still there
    importing.end_those_of(grant.user_id, grant.application.client_id, is_gone=is_gone)


def _record_closing(*, by: Actor, **_: Any) -> None:
    audit.record_account(by, AuditAction.ACCOUNT_CLOSE)


def _record_restoring(*, by: Actor, **_: Any) -> None:
    audit.record_account(by, AuditAction.ACCOUNT_RESTORE)


def _apps(actor: Actor) -> list[dict[str, Any]]:
    """The connected apps, as a person takes them along."""
    return [
        {
            "name": str(grant.application),
            "client_id": grant.application.client_id,
            "scopes": grant.scopes,
            "only_tags": grant.only_tags,
            "ends_at": grant.ends_at,
            "paused_at": grant.paused_at,
            "connected_at": grant.created_at,
            "consented_at": grant.consented_at,
        }
        for grant in grants.connected(actor)
    ]
