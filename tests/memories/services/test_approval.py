"""An app whose changes need approval cannot bypass it by any kind of write, whatever its scopes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from accounts.actor import Actor, InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired
from memories.models import ImportState, Memory, MemoryRevision, Proposal
from memories.portability.imports import run as import_run
from memories.review import decisions as review_decisions
from memories.search import near_duplicates
from memories.search.exact_duplicates import OnDuplicate, create_unless_duplicate
from memories.services import bulk, selection, tag_admin, writes
from memories.services.selection import Selection
from memories.services.tags import find_tags
from memories.validation.drafts import NewMemory
from oauth.models import AppGrant
from tests.factories import app, remember, session
from tests.memories.api.callers import app_of
from tests.memories.portability.samples.files import file_of
from tests.memories.portability.staging import stage
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db
REFUSED = (ApprovalRequired, InsufficientScope)
LATER = datetime(2999, 1, 31, tzinfo=UTC)
LINE = "[2025-01-31] - I keep bees."


def make_restricted_app(user: User) -> Actor:
    """Return an app with all scopes whose changes need approval."""
    return app(user, *scopes.DESCRIPTIONS, asks_first=True)


def dump_memories(user: User) -> list[Any]:
    """Return the content and state of the user's memories."""
    rows = Memory.objects.filter(owner=user).order_by("pk")
    fields = [(row.text, row.visibility, row.expires_at, row.version) for row in rows]
    return [
        *fields,
        [sorted(tag.name for tag in row.tags.all()) for row in rows],
        MemoryRevision.objects.count(),
    ]


# Each is called with the actor and the ids of two memories.
WRITES: dict[str, Callable[..., Any]] = {
    "create": lambda actor, *_: writes.create_memory(actor, text="New."),
    "create unless duplicate": lambda actor, *_: create_unless_duplicate(
        actor, text="New.", on_duplicate=OnDuplicate.RETURN
    ),
    "create many": lambda actor, *_: writes.create_memories(actor, [NewMemory("New.")]),
    "create as another source": lambda actor, *_: writes.create_memories(
        actor, [NewMemory("New.")], source="web"
    ),
    "change": lambda actor, one, _: writes.update_memory(actor, one, text="Other."),
    "retag": lambda actor, one, _: writes.update_memory(actor, one, tags=["other"]),
    "set expiry": lambda actor, one, _: writes.update_memory(actor, one, expires_at=LATER),
    "publish": lambda actor, one, _: writes.set_visibility(actor, one, "public"),
    "restore version": lambda actor, one, _: writes.restore_version(actor, one, 1),
    "replace": lambda actor, one, two: near_duplicates.merge_memories(actor, one, two),
    "merge": lambda actor, one, two: near_duplicates.merge_memories(actor, one, two, merge=True),
    "merge with itself": lambda actor, one, _: near_duplicates.merge_memories(actor, one, one),
    "tag many": lambda actor, one, two: selection.tag_selection(actor, Selection([one, two]), "other"),
    "untag many": lambda actor, one, two: selection.untag_selection(actor, Selection([one, two]), "x"),
    "set expiry of many": lambda actor, one, two: selection.set_selection_expiry(
        actor, Selection([one, two]), None
    ),
    "publish many": lambda actor, one, two: selection.set_selection_visibility(
        actor, Selection([one, two]), "public"
    ),
    "trash": lambda actor, one, _: writes.trash_memory(actor, one),
    "trash many": lambda actor, one, two: selection.trash_selection(actor, Selection([one, two])),
    "rename tag": lambda actor, *_: tag_admin.rename_tag(actor, _tag(actor), "other"),
    "merge tags": lambda actor, *_: tag_admin.merge_tags(actor, _tag(actor), _tag(actor, "y")),
    "delete tag": lambda actor, *_: tag_admin.remove_tag(actor, _tag(actor)),
    "approve": lambda actor, *_: review_decisions.accept_all_proposals(
        actor, until=UUID(int=2**128 - 1), count=9, seen={}
    ),
}


def _tag(actor: Actor, name: str = "x") -> Any:
    [tag] = find_tags(actor.person.pk, [name])
    return tag.pk


@pytest.mark.parametrize("write", WRITES)
def test_nothing_changes_without_approval(write: str, ada: User) -> None:
    one, two = remember(ada, "One.", tags=["x"]), remember(ada, "Two.", tags=["y"])
    writes.update_memory(session(ada), one.pk, text="One, later.")
    before = dump_memories(ada)
    with pytest.raises(REFUSED) as refused:
        WRITES[write](make_restricted_app(ada), one.pk, two.pk)
    assert dump_memories(ada) == before
    if isinstance(refused.value, ApprovalRequired):  # the reported proposals exist
        assert set(refused.value.ids) <= set(Proposal.objects.values_list("pk", flat=True))
    if isinstance(refused.value, InsufficientScope):  # it has all scopes, so none may be reported missing
        assert refused.value.scope == "sign-in"


def test_each_bulk_operation_needs_approval(ada: User) -> None:
    one = remember(ada, "One.")
    operations: list[bulk.Operation] = [
        bulk.CreateOperation({"text": "New."}),
        bulk.UpdateOperation(one.pk, {"text": "Other."}),
        bulk.TrashOperation(one.pk),
    ]
    outcomes = bulk.apply_operations(make_restricted_app(ada), operations)
    assert [type(outcome) for outcome in outcomes] == [ApprovalRequired, ApprovalRequired, InsufficientScope]
    assert [memory.text for memory in Memory.objects.all()] == ["One."]
    assert Proposal.objects.count() == 2


@pytest.mark.parametrize(
    "act",
    [import_run.start_import, import_run.advance_import, import_run.undo_import, import_run.discard_import],
)
@pytest.mark.parametrize("started", [False, True])
def test_app_cannot_approve_its_own_import(act: Callable[..., Any], started: bool, ada: User) -> None:
    allow(ada, make_app(client_id="notes"), *scopes.DESCRIPTIONS)
    unrestricted, restricted = app(ada, *scopes.DESCRIPTIONS), make_restricted_app(ada)
    batch = stage(restricted, file_of(LINE))
    if started:  # approval is required only afterwards
        import_run.start_import(unrestricted, batch.pk)
    with pytest.raises(InsufficientScope):
        act(restricted, batch.pk)
    assert not Memory.objects.exists()
    batch.refresh_from_db()
    assert batch.state == (ImportState.RUNNING if started else ImportState.STAGED)


def test_app_cannot_undo_import_without_approval(ada: User) -> None:
    allow(ada, make_app(client_id="notes"), *scopes.DESCRIPTIONS)
    unrestricted = app(ada, *scopes.DESCRIPTIONS)
    batch = stage(unrestricted, file_of(LINE))
    import_run.start_import(unrestricted, batch.pk)
    import_run.advance_import(unrestricted, batch.pk)
    with pytest.raises(InsufficientScope):
        import_run.undo_import(make_restricted_app(ada), batch.pk)
    assert Memory.objects.get().deleted_at is None


def test_rest_import_requires_the_user(ada: User) -> None:
    call = app_of(ada, *scopes.DESCRIPTIONS)
    AppGrant.objects.filter(user=ada).update(asks_first=True)
    staged = call("post", "/import/", [{"memory": "New."}])
    assert staged.status == 201
    for step in ("run", "undo"):
        refused = call("post", f"/import/{staged.json['id']}/{step}/", {})
        assert (refused.status, refused.code) == (403, "session_required")
    assert not Memory.objects.exists()
