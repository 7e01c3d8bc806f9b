"""An import that an app brought goes on as long as the app may do what it might, and ends where it may not."""

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
from memories.portability.imports import diff as import_diff
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage_import
from oauth.access import grants
from oauth.access.grants import GrantOptions
from oauth.models import AppGrant
from tests.factories import app, remember, session
from tests.memories.portability.samples import file_of
from tests.oauth.flows import App, allow, make_app

pytestmark = pytest.mark.django_db
MANAGER = (scopes.READ, scopes.WRITE, scopes.ADMIN)
ALL = frozenset((*MANAGER, scopes.PUBLISH))


@pytest.fixture(autouse=True)
def _small_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_diff, "ROW_ITEMS", 2)


def of_app(user: User, notes: App, grant: AppGrant) -> Actor:
    """The app with all that this grant lets it do."""
    only_tags = None if grant.only_tags is None else frozenset(grant.only_tags)
    actor = app(user, *grant.scopes, only_tags=only_tags, asks_first=grant.asks_first)
    return replace(actor, client_id=notes.application.client_id)


def staged_by(actor: Actor) -> ImportBatch:
    return stage_import(
        actor, file_of("text,visibility\nmemory 1,public\nmemory 2,public\nmemory 3,public\n")
    )


def running(user: User, notes: App, grant: AppGrant, *, publish: bool = True) -> ImportBatch:
    """An import of this app's, by its own yes, of which a part has come."""
    actor = of_app(user, notes, grant)
    batch = staged_by(actor)
    import_run.start_import(actor, batch.pk, publish=publish)
    return import_run.advance_import(actor, batch.pk, seconds=0)


def present(user: User) -> list[Memory]:
    return list(Memory.objects.filter(owner=user, deleted_at=None))


def narrowed(*held: str, asks_first: bool = False) -> Callable[[AppGrant], None]:
    return lambda grant: grants.update_grant(grant, GrantOptions(frozenset(held), asks_first=asks_first))


def narrowed_to_tags(grant: AppGrant) -> None:
    [tag] = remember(grant.user, "I work.", tags=["work"]).tags.all()
    grants.update_grant(grant, GrantOptions(ALL, only_tags=frozenset({tag.pk})))


def allowed_anew(*held: str) -> Callable[[AppGrant], None]:
    return lambda grant: _allowed_anew(grant, held)


def _allowed_anew(grant: AppGrant, held: tuple[str, ...]) -> None:
    grants.grant_access(grant.user, grant.application, GrantOptions(frozenset(held)))


def deleted(grant: AppGrant) -> None:
    grant.application.delete()


def over(grant: AppGrant) -> None:
    """As time passes: nothing tells of it."""
    AppGrant.objects.filter(pk=grant.pk).update(ends_at=Now() - timedelta(seconds=1))


TAKEN_BACK: dict[str, Callable[[AppGrant], None]] = {
    "disconnected": grants.revoke_grant,
    "deleted": deleted,
    "narrowed to reading": narrowed(scopes.READ),
    "without publishing": narrowed(*MANAGER),
    "told to ask first": narrowed(*ALL, asks_first=True),
    "narrowed to tags": narrowed_to_tags,
    "allowed anew, with less": allowed_anew(scopes.READ, scopes.WRITE),
    "allowed anew, without publishing": allowed_anew(*MANAGER),
    "paused": grants.pause_grant,
    "over": over,
}


@pytest.mark.parametrize("take_back", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_an_import_ends_where_what_its_app_may_do_is_taken_back(
    take_back: Callable[[AppGrant], None], ada: User, ada_client: Client
) -> None:
    notes = make_app()
    grant = allow(ada, notes, *ALL)
    batch = running(ada, notes, grant)
    take_back(grant)
    before = len(present(ada))
    page = ada_client.post(f"/memories/import/{batch.pk}/go-on/", follow=True).content.decode()
    assert "The import stopped after 2 of 3: the app is no longer allowed to import." in page
    assert len(present(ada)) == before
    assert not StagedMemories.objects.filter(is_done=False).exists()
    import_run.undo_import(session(ada), batch.pk)
    assert not [memory for memory in present(ada) if memory.text.startswith("memory")]


@pytest.mark.parametrize("how", [how for how in TAKEN_BACK if how != "over"])
def test_what_tells_of_itself_ends_it_at_once(how: str, ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *ALL)
    running(ada, notes, grant)
    TAKEN_BACK[how](grant)
    assert not ImportBatch.objects.filter(state=ImportState.RUNNING).exists()
    staged_by(session(ada))


def test_an_import_goes_on_where_as_much_is_allowed(ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER)
    batch = running(ada, notes, grant, publish=False)
    grants.update_grant(grant, GrantOptions(frozenset(MANAGER), ends_at=timezone.now() + timedelta(days=1)))
    _allowed_anew(grant, (*MANAGER, scopes.PUBLISH))
    grants.revoke_grant(allow(ada, make_app("Other"), *MANAGER))
    assert import_run.advance_import(session(ada), batch.pk).done == 3
    assert {memory.source for memory in present(ada)} == {f"api:{notes.application.client_id}"}


def test_what_comes_stays_within_the_tags_of_its_app(ada: User) -> None:
    [work] = remember(ada, "I work.", tags=["work"]).tags.all()
    notes = make_app()
    grant = allow(ada, notes, *MANAGER, only_tags=frozenset({work.pk}))
    batch = running(ada, notes, grant, publish=False)
    assert import_run.advance_import(session(ada), batch.pk).done == 3
    assert all(work in memory.tags.all() for memory in present(ada))


def test_the_persons_own_yes_is_one_for_an_app_that_could_not_give_it(ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER, asks_first=True)
    batch = staged_by(of_app(ada, notes, grant))
    import_run.start_import(session(ada), batch.pk, publish=True)
    assert import_run.advance_import(session(ada), batch.pk).done == 3
    assert {memory.visibility for memory in present(ada)} == {"public"}
    assert not Proposal.objects.exists()


def test_what_a_disconnected_app_laid_down_waits_no_more(ada: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER)
    hers = staged_by(of_app(ada, notes, grant))
    grants.revoke_grant(grant)
    with pytest.raises(ImportNotFound):
        import_run.get_import(session(ada), hers.pk)


def test_an_app_that_is_not_there_may_nothing_now(ada: User, bob: User) -> None:
    notes = make_app()
    grant = allow(ada, notes, *MANAGER)
    client_id = notes.application.client_id
    assert grants.get_current_actor(ada.pk, client_id, Channel.MCP) == replace(
        of_app(ada, notes, grant), door=Channel.MCP
    )
    assert grants.get_current_actor(bob.pk, client_id, Channel.API) is None
    assert grants.get_current_actor(ada.pk, "other", Channel.API) is None


def test_an_app_that_must_ask_gives_up_nobody_elses_import(ada: User) -> None:
    hers = stage_import(session(ada), file_of("[2025-01-01] - hers"))
    with pytest.raises(ImportInProgress):
        stage_import(app(ada, *MANAGER, asks_first=True), file_of("[2025-01-01] - its"))
    assert import_run.get_import(session(ada), hers.pk).state == ImportState.STAGED
