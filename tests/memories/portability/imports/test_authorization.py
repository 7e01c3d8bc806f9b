"""An app's import continues while the app has the access it had at the preview, and ends otherwise."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.actor import Actor, Channel
from accounts.models import User
from memories import scopes
from memories.errors import ImportInProgress, ImportNotFound
from memories.models import ImportBatch, ImportState, Memory, Proposal, StagedMemories
from memories.portability.imports import run as import_run
from memories.portability.imports import staged_items
from oauth.access import grants
from oauth.access.grants import GrantOptions
from oauth.models import AppGrant
from tests.factories import app, remember, session
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import App, allow, make_app

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)
ALL = frozenset((*MANAGER, scopes.PUBLISH))


@pytest.fixture(autouse=True)
def _small_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_items, "ROW_ITEMS", 2)


def build_app_actor(user: User, notes: App, grant: AppGrant) -> Actor:
    """Return the app with the access of this grant."""
    only_tags = None if grant.only_tags is None else frozenset(grant.only_tags)
    actor = app(user, *grant.scopes, only_tags=only_tags, asks_first=grant.asks_first)
    return replace(actor, client_id=notes.application.client_id)


def stage_as(actor: Actor) -> ImportBatch:
    return stage(actor, file_of("text,visibility\nmemory 1,public\nmemory 2,public\nmemory 3,public\n"))


def start_app_import(user: User, notes: App, grant: AppGrant, *, publish: bool = True) -> ImportBatch:
    """Start an import as this app, which approves it itself, and import the first part."""
    actor = build_app_actor(user, notes, grant)
    batch = stage_as(actor)
    import_run.start_import(actor, batch.pk, publish=publish)
    return import_run.advance_import(actor, batch.pk, seconds=0)


def saved_memories(user: User) -> list[Memory]:
    return list(Memory.objects.filter(owner=user, deleted_at=None))


def limit_scopes(*granted_scopes: str, asks_first: bool = False) -> Callable[[AppGrant], None]:
    return lambda grant: grants.update_grant(
        grant, GrantOptions(frozenset(granted_scopes), asks_first=asks_first)
    )


def limit_tags(grant: AppGrant) -> None:
    [tag] = remember(grant.user, "I work.", tags=["work"]).tags.all()
    grants.update_grant(grant, GrantOptions(ALL, only_tags=frozenset({tag.pk})))


def grant_again(*granted_scopes: str) -> Callable[[AppGrant], None]:
    return lambda grant: _grant_again(grant, granted_scopes)


def _grant_again(grant: AppGrant, granted_scopes: tuple[str, ...]) -> None:
    grants.grant_access(grant.user, grant.application, GrantOptions(frozenset(granted_scopes)))


def delete_app(grant: AppGrant) -> None:
    grant.application.delete()


def expire(grant: AppGrant) -> None:
    """Let the grant expire, which triggers no event."""
    AppGrant.objects.filter(pk=grant.pk).update(ends_at=Now() - timedelta(seconds=1))


REVOCATIONS: dict[str, Callable[[AppGrant], None]] = {
    "disconnected": grants.revoke_grant,
    "app deleted": delete_app,
    "limited to reading": limit_scopes(scopes.READ),
    "without publishing": limit_scopes(*MANAGER),
    "approval required": limit_scopes(*ALL, asks_first=True),
    "limited to tags": limit_tags,
    "granted again with less": grant_again(scopes.READ, scopes.WRITE),
    "granted again without publishing": grant_again(*MANAGER),
    "paused": grants.pause_grant,
    "expired": expire,
}


@pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)
def test_import_ends_when_app_access_is_reduced(
    revoke: Callable[[AppGrant], None], ada: User, ada_client: Client
) -> None:
    notes = make_app()
    grant = allow(ada, notes, *ALL)
    batch = start_app_import(ada, notes, grant)
    revoke(grant)
    before = len(saved_memories(ada))
    page = ada_client.post(f"/memories/import/{batch.pk}/go-on/", follow=True).content.decode()
    assert "The app no longer has the access that the import needs." in page
    assert len(saved_memories(ada)) == before
    assert not StagedMemories.objects.filter(is_done=False).exists()
    import_run.undo_import(session(ada), batch.pk)
    assert not [memory for memory in saved_memories(ada) if memory.text.startswith("memory")]


@pytest.mark.parametrize("revocation", sorted({*REVOCATIONS} - {"expired"}))
def test_access_change_ends_import_immediately(revocation: str, ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *ALL)
    start_app_import(ada, notes, grant)
    REVOCATIONS[revocation](grant)
    assert not ImportBatch.objects.filter(state=ImportState.RUNNING).exists()
    stage_as(session(ada))


def test_import_continues_while_access_suffices(ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER)
    batch = start_app_import(ada, notes, grant, publish=False)
    grants.update_grant(grant, GrantOptions(frozenset(MANAGER), ends_at=timezone.now() + timedelta(days=1)))
    _grant_again(grant, (*MANAGER, scopes.PUBLISH))
    grants.revoke_grant(allow(ada, make_app("Other"), *MANAGER))
    assert import_run.advance_import(session(ada), batch.pk).done == 3
    assert {memory.source for memory in saved_memories(ada)} == {f"api:{notes.application.client_id}"}


def test_imported_memories_have_tags_of_app(ada: User) -> None:
    [work] = remember(ada, "I work.", tags=["work"]).tags.all()
    notes = make_app()
    grant = allow(ada, notes, *MANAGER, only_tags=frozenset({work.pk}))
    batch = start_app_import(ada, notes, grant, publish=False)
    assert import_run.advance_import(session(ada), batch.pk).done == 3
    assert all(work in memory.tags.all() for memory in saved_memories(ada))


def test_user_can_approve_import_of_app_that_needs_approval(ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER, asks_first=True)
    batch = stage_as(build_app_actor(ada, notes, grant))
    import_run.start_import(session(ada), batch.pk, publish=True)
    assert import_run.advance_import(session(ada), batch.pk).done == 3
    assert {memory.visibility for memory in saved_memories(ada)} == {"public"}
    assert not Proposal.objects.exists()


def test_disconnecting_app_deletes_its_staged_import(ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER)
    batch = stage_as(build_app_actor(ada, notes, grant))
    grants.revoke_grant(grant)
    with pytest.raises(ImportNotFound):
        import_run.get_import(session(ada), batch.pk)


def test_only_connected_app_has_current_actor(ada: User, bob: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER)
    client_id = notes.application.client_id
    assert grants.get_current_actor(ada.pk, client_id, Channel.MCP) == replace(
        build_app_actor(ada, notes, grant), door=Channel.MCP
    )
    assert grants.get_current_actor(bob.pk, client_id, Channel.API) is None
    assert grants.get_current_actor(ada.pk, "other", Channel.API) is None


def test_app_that_needs_approval_cannot_replace_staged_import(ada: User) -> None:
    batch = stage(session(ada), file_of("[2025-01-01] - of the user"))
    with pytest.raises(ImportInProgress):
        stage(app(ada, *MANAGER, asks_first=True), file_of("[2025-01-01] - of the app"))
    assert import_run.get_import(session(ada), batch.pk).state == ImportState.STAGED
