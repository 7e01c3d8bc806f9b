"""Changes to public memories by an app without memories:publish need approval through every channel."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.actor import Actor, InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired
from memories.models import Memory, Proposal
from memories.portability.imports import run as import_run
from memories.review import decisions as review_decisions
from memories.search import near_duplicates
from memories.services import bulk, reads, selection, writes
from memories.services.selection import Selection
from tests.factories import app, remember, session
from tests.memories.api.callers import app_of
from tests.memories.mcp.callers import app_of as mcp_app_of
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db
WRITER = (scopes.READ, scopes.WRITE)
MANAGER = (*WRITER, scopes.ADMIN)
PUBLISHER = (*MANAGER, scopes.PUBLISH)


@pytest.fixture
def public_memory(ada: User) -> Memory:
    return remember(ada, "I keep bees.", visibility="public")


def get_text(memory: Memory) -> str:
    return str(Memory.objects.get(pk=memory.pk).text)


def accept_pending(user: User, memory: Memory) -> None:
    """Accept the only pending change, which has not been applied so far."""
    assert get_text(memory) == "I keep bees."
    [waiting] = review_decisions.list_pending_proposals(session(user)).waiting
    assert waiting.memory == memory
    review_decisions.accept_proposal(session(user), waiting.proposal.pk)


# --- Services -----------------------------------------------------------------------------------------


def test_new_text_needs_approval(ada: User, public_memory: Memory) -> None:
    with pytest.raises(ApprovalRequired):
        writes.update_memory(app(ada), public_memory.pk, text="I keep wasps.", tags=["garden"])
    accept_pending(ada, public_memory)
    public_memory.refresh_from_db()
    assert (public_memory.text, public_memory.source, public_memory.visibility) == (
        "I keep wasps.",
        "api:notes",
        "public",
    )
    assert [tag.name for tag in public_memory.tags.all()] == ["garden"]
    [earlier] = reads.get_history(session(ada), public_memory.pk).revisions
    assert (earlier.text, earlier.source) == ("I keep bees.", "web")


def test_restored_version_needs_approval(ada: User, public_memory: Memory) -> None:
    writes.update_memory(session(ada), public_memory.pk, text="I keep wasps.")
    with pytest.raises(ApprovalRequired):
        writes.restore_version(app(ada), public_memory.pk, 1)
    assert get_text(public_memory) == "I keep wasps."


@pytest.mark.parametrize("later", [None, timedelta(days=9)])
def test_later_expiry_needs_approval(later: timedelta | None, ada: User, public_memory: Memory) -> None:
    """Also in bulk; an earlier expiry needs no approval."""
    soon = timezone.now() + timedelta(days=1)
    assert writes.update_memory(app(ada), public_memory.pk, expires_at=soon).expires_at == soon
    until = timezone.now() + later if later else None
    with pytest.raises(ApprovalRequired):
        writes.update_memory(app(ada), public_memory.pk, expires_at=until)
    with pytest.raises(InsufficientScope, match=scopes.PUBLISH):
        selection.set_selection_expiry(app(ada, *MANAGER), Selection([public_memory.pk]), until)
    accept_pending(ada, public_memory)
    public_memory.refresh_from_db()
    assert public_memory.expires_at == until


def test_review_shows_removed_expiry(ada: User, ada_client: Client, public_memory: Memory) -> None:
    writes.update_memory(session(ada), public_memory.pk, expires_at=timezone.now() + timedelta(days=1))
    with pytest.raises(ApprovalRequired):
        writes.update_memory(app(ada), public_memory.pk, expires_at=None)
    assert "will no longer expire" in ada_client.get("/memories/review/").content.decode()


def list_allowed_changes(user: User) -> list[tuple[Actor, dict[str, Any]]]:
    """Return changes that need no approval: by the user, by an app that can publish, and to private memories."""
    return [
        (session(user), {"text": "I keep wasps."}),
        (app(user, *PUBLISHER), {"text": "I keep ants."}),
        (app(user), {"text": "I keep ants.", "expires_at": None}),  # unchanged expiry
        (app(user), {"text": "I keep moths.", "visibility": "private"}),
        (app(user), {"text": "I keep snails."}),  # now private
    ]


def test_other_changes_need_no_approval(ada: User, public_memory: Memory) -> None:
    for actor, changes in list_allowed_changes(ada):
        assert writes.update_memory(actor, public_memory.pk, **changes).text == changes["text"]
    assert not Proposal.objects.exists()


def test_merge_of_public_memories_needs_publish_scope(ada: User, public_memory: Memory) -> None:
    other = remember(ada, "I keep wasps.", visibility="public")
    with pytest.raises(InsufficientScope, match=scopes.PUBLISH):
        near_duplicates.merge_memories(app(ada), public_memory.pk, other.pk)
    assert (
        near_duplicates.merge_memories(app(ada, *PUBLISHER), public_memory.pk, other.pk).text
        == "I keep wasps."
    )


@pytest.mark.parametrize("continued_by", [app, session])
def test_import_by_app_cannot_bypass_approval(ada: User, public_memory: Memory, continued_by: object) -> None:
    """Not even if the user's session continues the import."""
    Memory.objects.filter(pk=public_memory.pk).update(written_at=Now() - timedelta(days=1))
    line = {
        "picard": 1,
        "id": str(public_memory.pk),
        "text": "I keep wasps.",
        "updated_at": datetime.now(UTC).isoformat(),
    }
    allow(ada, make_app(client_id="notes"), *MANAGER)
    manager = app(ada, *MANAGER)
    batch = stage(manager, file_of(json.dumps(line)))
    import_run.start_import(manager, batch.pk)
    assert (
        import_run.advance_import(manager if continued_by is app else session(ada), batch.pk).state == "done"
    )
    accept_pending(ada, public_memory)
    assert Memory.objects.get().source == "api:notes"


def test_publishing_import_needs_publish_scope(ada: User) -> None:
    """The user's session, which then continues the import, has not approved publishing."""
    allow(ada, make_app(client_id="notes"), *PUBLISHER)
    line = {"picard": 1, "text": "I keep wasps.", "visibility": "public"}
    batch = stage(app(ada, *MANAGER), file_of(json.dumps(line)))
    with pytest.raises(InsufficientScope, match=scopes.PUBLISH):
        import_run.start_import(app(ada, *MANAGER), batch.pk, publish=True)
    assert import_run.advance_import(session(ada), batch.pk).state == "staged"
    import_run.start_import(app(ada, *PUBLISHER), batch.pk, publish=True)
    assert import_run.advance_import(session(ada), batch.pk).state == "done"
    assert Memory.objects.get().is_public


# --- Channels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["patch", "put"])
def test_rest_change_becomes_a_proposal(method: str, ada: User, public_memory: Memory) -> None:
    sent = {"text": "I keep wasps."} | ({"visibility": "public"} if method == "put" else {})
    answer = app_of(ada)(method, f"/memories/{public_memory.pk}/", sent)
    assert (answer.status, answer.json["status"]) == (202, "waits_for_yes")
    accept_pending(ada, public_memory)
    assert get_text(public_memory) == "I keep wasps."
    assert Memory.objects.get().source.startswith("api:")


def test_rest_change_with_publish_scope_is_applied(ada: User, public_memory: Memory) -> None:
    call = app_of(ada, *WRITER, scopes.PUBLISH)
    assert (
        call("patch", f"/memories/{public_memory.pk}/", {"text": "I keep wasps."}).json["text"]
        == "I keep wasps."
    )


def test_bulk_change_becomes_a_proposal(ada: User, public_memory: Memory) -> None:
    private = remember(ada, "Mine.")
    changes = [bulk.UpdateOperation(each.pk, {"text": "I keep wasps."}) for each in (public_memory, private)]
    pending, changed = bulk.apply_operations(app(ada, *MANAGER), changes)
    assert isinstance(pending, ApprovalRequired)
    assert isinstance(changed, Memory)
    accept_pending(ada, public_memory)
    assert get_text(public_memory) == get_text(private) == "I keep wasps."


def test_mcp_change_becomes_a_proposal(ada: User, public_memory: Memory) -> None:
    call = mcp_app_of(ada)
    result = call.call("update_memory", id=str(public_memory.pk), text="I keep wasps.").said
    assert result["waits"] is True
    accept_pending(ada, public_memory)
    assert Memory.objects.get().source.startswith("mcp:")
    free = mcp_app_of(ada, *WRITER, scopes.PUBLISH)
    assert "waits" not in free.call("update_memory", id=str(public_memory.pk), text="I keep ants.").said
    assert get_text(public_memory) == "I keep ants."


def test_review_shows_that_memory_is_public(ada: User, ada_client: Client, public_memory: Memory) -> None:
    with pytest.raises(ApprovalRequired):
        writes.update_memory(app(ada), public_memory.pk, text="I keep wasps.")
    shown = ada_client.get("/memories/review/").content.decode()
    assert "is public" in shown
