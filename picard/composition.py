"""Composition root: connects memories, oauth and the server, which do not import each other."""

from accounts.actor import Actor
from accounts.deletion import service as deletion
from accounts.mail import outbox
from accounts.models import User
from accounts.staff.actions import export_staff_actions, purge_staff_actions
from core.db.principal import acting_for
from memories.clients import activity as client_activity
from memories.clients import grants as client_grants
from memories.clients import names as client_names
from memories.jobs import retention
from memories.models import AuditAction
from memories.portability.exports import full_archive
from memories.portability.imports import run as import_run
from memories.services import audit
from oauth.access import app_names, grants
from oauth.consent.resource_server import register_resource_server
from oauth.models import AppGrant
from oauth.retention import STEPS
from picard.resource_server import MemoryResourceServer
from picard.web import file_mail


def wire_apps() -> None:
    """Register hooks and signal handlers between the apps, once at start."""
    retention.STEPS.update(STEPS)
    retention.STEPS["actions of staff"] = purge_staff_actions
    retention.STEPS["letters"] = file_mail.purge_expired_emails
    retention.STEPS["queued e-mails"] = outbox.purge_failed_emails
    retention.IN_USE_TAG_LOOKUPS.append(grants.filter_tags_in_grants)
    client_names.set_name_lookup(app_names.get_app_names)
    client_grants.set_actor_lookup(grants.get_current_actor)
    register_resource_server(MemoryResourceServer())
    grants.grant_changed.connect(_record_grant_event)
    grants.grant_changed.connect(_end_imports)
    full_archive.EXTRA_FILES["apps.json"] = _export_apps
    full_archive.EXTRA_FILES["administrators.json"] = lambda actor: export_staff_actions(actor.person)
    deletion.account_closed.connect(_record_account_closed)
    deletion.account_restored.connect(_record_account_restored)


def _record_grant_event(*, grant: AppGrant, change: grants.GrantEvent, by: Actor, **_: object) -> None:
    action = AuditAction(f"app:{change}")
    client_activity.record_app_event(
        by, action, owner_id=grant.user_id, client_id=grant.application.client_id
    )


def _end_imports(*, grant: AppGrant, change: grants.GrantEvent, **_: object) -> None:
    """End the app's imports immediately, so that another can start. Imports also detect ends without an event."""
    is_gone = change is grants.GrantEvent.DISCONNECT  # a deleted app's grant still exists here
    with acting_for(grant.user_id):  # the app itself may have ended it
        import_run.end_app_imports(grant.user_id, grant.application.client_id, is_gone=is_gone)


def _record_account_closed(*, person: User, by: Actor, **_: object) -> None:
    audit.record_account_event(by, AuditAction.ACCOUNT_CLOSE, owner_id=person.pk)


def _record_account_restored(*, person: User, by: Actor, **_: object) -> None:
    audit.record_account_event(by, AuditAction.ACCOUNT_RESTORE, owner_id=person.pk)


def _export_apps(actor: Actor) -> list[dict[str, object]]:
    """Return the user's connected apps for the full export."""
    return [
        {
            "name": grant.name,
            "client_id": grant.application.client_id,
            "is_personal_token": grant.application.is_personal_token,
            "scopes": grant.scopes,
            "only_tags": grant.only_tags,
            "ends_at": grant.ends_at,
            "paused_at": grant.paused_at,
            "connected_at": grant.created_at,
            "consented_at": grant.consented_at,
        }
        for grant in grants.list_grants(actor)
    ]
