"""Writes that need approval: nothing is saved without it through any channel, and only the user can give it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test import Client

from accounts.actor import Actor, InsufficientScope
from accounts.models import User
from memories import scopes
from memories.errors import ApprovalRequired, MemoryNotFound
from memories.models import AuditEvent, Memory, Proposal
from memories.persona import retrieval as persona_retrieval
from memories.review import decisions as review_decisions
from memories.search.query import search_memories
from memories.services import proposals as proposal_services
from memories.services import reads, writes
from memories.services.tags import find_tags
from memories.validation.drafts import NewMemory
from oauth.access import grants
from oauth.models import AppGrant
from tests.factories import accept_all, app, remember, session
from tests.memories.api.callers import app_of, session_of
from tests.memories.mcp.callers import app_of as mcp_app_of
from tests.memories.portability.imports.test_run import jsonl_file, run_import

pytestmark = pytest.mark.django_db
REVIEW = "/memories/review/"


def make_restricted_app(user: User, *held: str, **more: Any) -> Actor:
    return app(user, *held, asks_first=True, **more)


def propose(user: User, text: str, **fields: Any) -> Proposal:
    with pytest.raises(ApprovalRequired) as pending:
        writes.create_memory(make_restricted_app(user), text=text, **fields)
    [proposal] = pending.value.proposals
    assert isinstance(proposal, Proposal)
    return proposal


def require_approval(user: User) -> None:
    AppGrant.objects.filter(user=user).update(asks_first=True)


# --- Services -----------------------------------------------------------------------------------------


def test_new_memory_of_app_becomes_a_proposal(ada: User) -> None:
    propose(ada, "Ada likes sweet peas.", tags=["garden"])
    assert not Memory.objects.exists()
    assert search_memories(session(ada), "sweet peas").hits == []
    assert reads.list_memories(session(ada)).memories == []
    assert persona_retrieval.ask_persona(session(ada), ada, "What does Ada like?").citations == ()


def test_accepted_proposal_becomes_a_memory_of_its_app(ada: User) -> None:
    proposal = propose(ada, "Ada likes sweet peas.", tags=["garden"])
    memory = review_decisions.accept_proposal(session(ada), proposal.pk)
    assert (memory.pk, memory.text, memory.source) == (proposal.pk, "Ada likes sweet peas.", "api:notes")
    assert [tag.name for tag in memory.tags.all()] == ["garden"]
    assert not Proposal.objects.exists()
    with pytest.raises(MemoryNotFound):
        review_decisions.accept_proposal(session(ada), proposal.pk)


def test_accepted_proposal_is_saved_as_edited(ada: User) -> None:
    proposal = propose(ada, "Ada likes sweet peas.")
    memory = review_decisions.accept_proposal(
        session(ada), proposal.pk, text="Ada likes roses.", tags=["flowers"]
    )
    assert memory.text == "Ada likes roses."
    assert [tag.name for tag in memory.tags.all()] == ["flowers"]


def test_change_of_app_is_applied_after_approval(ada: User) -> None:
    memory = remember(ada, "Ada lives in London.")
    with pytest.raises(ApprovalRequired) as pending:
        writes.update_memory(make_restricted_app(ada), memory.pk, text="Ada lives in Paris.", tags=["home"])
    memory.refresh_from_db()
    assert (memory.text, memory.version) == ("Ada lives in London.", 1)
    [waiting] = review_decisions.list_pending_proposals(session(ada)).waiting
    assert waiting.memory == memory
    changed = review_decisions.accept_proposal(session(ada), pending.value.ids[0])
    assert (changed.text, changed.source, changed.version) == ("Ada lives in Paris.", "api:notes", 2)
    assert [each.text for each in reads.get_history(session(ada), memory.pk).revisions] == [
        "Ada lives in London."
    ]


def test_later_of_two_changes_wins_in_any_selection_order(ada: User) -> None:
    memory = remember(ada, "Ada lives in London.")
    proposals: list[UUID] = []
    for text in ("Ada lives in Bonn.", "Ada lives in Cologne."):
        with pytest.raises(ApprovalRequired) as pending:
            writes.update_memory(make_restricted_app(ada), memory.pk, text=text)
        proposals += pending.value.ids
    review_decisions.accept_proposals(
        session(ada), {each: {"expected_version": 1} for each in reversed(proposals)}
    )
    memory.refresh_from_db()
    assert (memory.text, memory.version) == ("Ada lives in Cologne.", 3)


def test_change_without_effect_needs_no_approval(ada: User) -> None:
    memory = remember(ada, "Same.", tags=["One"])
    writes.update_memory(make_restricted_app(ada), memory.pk, text="Same.", tags=["one"])
    assert not Proposal.objects.exists()


def test_publishing_and_restoring_need_approval(ada: User) -> None:
    memory = remember(ada, "First.")
    writes.update_memory(session(ada), memory.pk, text="Second.")
    actor = make_restricted_app(ada, scopes.READ, scopes.WRITE, scopes.PUBLISH)
    with pytest.raises(ApprovalRequired):
        writes.set_visibility(actor, memory.pk, "public")
    with pytest.raises(ApprovalRequired):
        writes.restore_version(actor, memory.pk, 1)
    memory.refresh_from_db()
    assert (memory.text, memory.visibility) == ("Second.", "private")


def test_invalid_or_forbidden_write_cannot_be_proposed(ada: User) -> None:
    with pytest.raises(InsufficientScope):
        writes.create_memory(make_restricted_app(ada, scopes.READ), text="No.")
    with pytest.raises(InsufficientScope):
        writes.create_memory(make_restricted_app(ada), text="No.", visibility="public")
    with pytest.raises(ValidationError):
        writes.create_memory(make_restricted_app(ada), text=" ")
    assert not Proposal.objects.exists()


def test_memory_of_app_limited_to_tags_gets_its_tags(ada: User) -> None:
    remember(ada, "Roses.", tags=["garden"])
    [garden] = find_tags(ada.pk, ["garden"])
    actor = make_restricted_app(ada, only_tags=frozenset({garden.pk}))
    with pytest.raises(ApprovalRequired) as pending:
        writes.create_memory(actor, text="Peas.", tags=["green"])
    memory = review_decisions.accept_proposal(session(ada), pending.value.ids[0], tags=["green"])
    assert {tag.name for tag in memory.tags.all()} == {"green", "garden"}


def test_repeated_proposal_is_stored_once(ada: User) -> None:
    assert propose(ada, "Once.").pk == propose(ada, "Once.").pk
    assert Proposal.objects.count() == 1
    assert AuditEvent.objects.filter(action="memory:propose").count() == 1


def test_pending_proposals_are_limited(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal_services, "MAX_PENDING", 2)
    with pytest.raises(ApprovalRequired):
        writes.create_memories(make_restricted_app(ada), [NewMemory("One."), NewMemory("Two.")])
    with pytest.raises(ValidationError, match="too many pending"):
        writes.create_memory(make_restricted_app(ada), text="Three.")
    propose(ada, "Two.")  # already pending


def test_pending_proposals_of_all_apps_are_limited(
    ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account can connect one app after the other, and proposals stay when their app is disconnected."""
    monkeypatch.setattr(proposal_services, "MAX_PENDING_OF_ALL", 2)
    propose(bob, "His.")
    propose(ada, "One.")
    Proposal.objects.filter(owner=ada).update(source="api:of another app")
    propose(ada, "Two.")
    with pytest.raises(ValidationError, match="Too many proposals"):
        propose(ada, "Three.")


def test_only_the_user_can_accept_or_decline(ada: User, bob: User) -> None:
    proposal = propose(ada, "Hers.")
    for act in (
        review_decisions.accept_proposal,
        lambda actor, pk: review_decisions.decline_proposals(actor, [pk]),
    ):
        with pytest.raises(InsufficientScope):
            act(make_restricted_app(ada), proposal.pk)
        with pytest.raises(InsufficientScope):
            act(app(ada, *scopes.DESCRIPTIONS), proposal.pk)
        with pytest.raises(MemoryNotFound):
            act(session(bob), proposal.pk)
    assert review_decisions.count_pending_proposals(session(bob)) == 0


def test_declined_proposal_leaves_only_an_audit_event(ada: User) -> None:
    proposal = propose(ada, "Never.")
    assert review_decisions.decline_proposals(session(ada), [proposal.pk]) == 1
    assert not Proposal.objects.exists()
    lines = list(AuditEvent.objects.order_by("pk").values_list("action", "client_id", "memory_ids"))
    assert lines == [("memory:propose", "notes", [proposal.pk]), ("memory:decline", "", [proposal.pk])]


def test_declining_many_is_all_or_nothing(ada: User) -> None:
    proposal = propose(ada, "One.")
    with pytest.raises(MemoryNotFound):
        review_decisions.decline_proposals(session(ada), [proposal.pk, uuid4()])
    assert Proposal.objects.exists()


def test_failed_acceptance_does_not_stop_others(ada: User) -> None:
    memory = remember(ada, "There.")
    with pytest.raises(ApprovalRequired) as pending:
        writes.update_memory(make_restricted_app(ada), memory.pk, text="Gone.")
    writes.trash_memory(session(ada), memory.pk)
    propose(ada, "Good.")
    reviewed = accept_all(ada)
    assert [each.text for each in reviewed.memories] == ["Good."]
    assert isinstance(reviewed.refused[pending.value.ids[0]], MemoryNotFound)


def test_nobody_can_take_the_id_of_a_proposal(ada: User, bob: User) -> None:
    """A confederate of the app, which knows the id, imports a memory with it."""
    proposal = propose(ada, "Good.")
    run_import(session(bob), jsonl_file({"id": str(proposal.pk), "text": "Taken."}))
    assert [each.pk for each in accept_all(ada).memories] == [proposal.pk]


@pytest.mark.plain(reason="an id is unique per owner on a cluster")
def test_proposal_whose_id_is_taken_is_saved_with_another(ada: User, bob: User) -> None:
    """As by an import into an earlier version, which took the ids of the file."""
    taken, free = propose(ada, "Good."), propose(ada, "Better.")
    Memory.objects.bulk_create([Memory(pk=taken.pk, owner=bob, text="Taken.", source="web")])
    reviewed = accept_all(ada)
    assert ([each.text for each in reviewed.memories], reviewed.refused) == (["Good.", "Better."], {})
    assert [each.pk == pk for each, pk in zip(reviewed.memories, (taken.pk, free.pk), strict=True)] == [
        False,
        True,
    ]


def test_one_conflict_in_the_database_does_not_stop_others(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = propose(ada, "Bad.")
    propose(ada, "Good.")
    apply = review_decisions._apply_proposal

    def conflict(actor: Actor, proposal: Proposal, *rest: Any) -> Memory:
        memory = apply(actor, proposal, *rest)
        if proposal.pk == bad.pk:
            Memory.objects.bulk_create([Memory(pk=memory.pk, owner=ada, text="", source="web")])
        return memory

    monkeypatch.setattr(review_decisions, "_apply_proposal", conflict)
    reviewed = accept_all(ada)
    assert [each.text for each in reviewed.memories] == ["Good."]
    assert isinstance(reviewed.refused[bad.pk], IntegrityError)


def test_accepting_twice_reports_no_error(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a second click: what the first one saved is not reported as missing."""
    accept, proposal = review_decisions.accept_proposal, propose(ada, "Kept.")

    def after_another(actor: Actor, proposal_id: UUID) -> Memory:
        accept(actor, proposal_id)
        return accept(actor, proposal_id)

    monkeypatch.setattr(review_decisions, "accept_proposal", after_another)
    assert review_decisions.accept_proposals(
        session(ada), {proposal.pk: {}}
    ) == review_decisions.ReviewResult([], {})
    assert Memory.objects.get().text == "Kept."


def test_proposal_is_encrypted(ada: User) -> None:
    propose(ada, "Canary zebra.", tags=["ostrich"])
    with connection.cursor() as cursor:
        cursor.execute("select memories_proposal::text from memories_proposal")
        row = cursor.fetchone()[0]
    for word in ("anary", b"anary".hex(), "ostrich", b"ostrich".hex()):
        assert word not in row


def test_old_proposals_are_purged(ada: User) -> None:
    propose(ada, "Old.")
    with connection.cursor() as cursor:
        cursor.execute("update memories_proposal set created_at = now() - interval '31 days'")
    propose(ada, "New.")
    assert proposal_services.purge_proposals() == 1
    [left] = review_decisions.list_pending_proposals(session(ada)).waiting
    assert left.content is not None
    assert left.content["text"] == "New."


def test_new_authorization_keeps_required_approval(ada: User) -> None:
    app_of(ada)
    grant = AppGrant.objects.select_related("application", "user").get()
    require_approval(ada)
    grants.grant_access(ada, grant.application, grants.GrantOptions(frozenset({scopes.READ, scopes.WRITE})))
    grant.refresh_from_db()
    assert grant.asks_first
    grants.update_grant(grant, grants.GrantOptions(frozenset({scopes.READ})))
    assert not grant.asks_first


# --- REST ---------------------------------------------------------------------------------------------


def test_rest_reports_pending_proposal(ada: User) -> None:
    call = app_of(ada)
    require_approval(ada)
    memory = remember(ada, "There.")
    answer = call("post", "/memories/", {"text": "New."})
    assert (answer.status, answer.json["status"]) == (202, "waits_for_yes")
    assert answer.json["proposals"] == [str(Proposal.objects.get().pk)]
    assert call("patch", f"/memories/{memory.pk}/", {"text": "Other."}).status == 202
    assert call("put", f"/memories/{memory.pk}/", {"text": "Third."}).status == 202
    assert [each.text for each in Memory.objects.all()] == ["There."]


def test_rest_bulk_and_idempotent_writes_create_proposals_once(ada: User) -> None:
    call = app_of(ada)
    require_approval(ada)
    body = {"operations": [{"op": "create", "text": "One."}, {"op": "create", "text": " "}]}
    first = call("post", "/memories/bulk/", body, Idempotency_Key="k")
    assert [each["status"] for each in first.json["results"]] == [202, 400]
    accept_all(ada)
    again = call("post", "/memories/bulk/", body, Idempotency_Key="k")
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert not Proposal.objects.exists()
    one = call("post", "/memories/", {"text": "Two."}, Idempotency_Key="l")
    assert call("post", "/memories/", {"text": "Two."}, Idempotency_Key="l").json == one.json


def test_rest_review_is_only_for_the_user(ada: User, bob: User) -> None:
    proposal, other = propose(ada, "One.", tags=["a"]), propose(ada, "Two.")
    person, other_user, app_call = session_of(ada), session_of(bob), app_of(ada, *scopes.DESCRIPTIONS)
    listed = person("get", "/proposals/?limit=1").json
    assert [each["changes"]["text"] for each in listed["results"]] == ["Two."]
    assert listed["next"]
    assert app_call("get", "/proposals/").code == "session_required"
    assert app_call("post", f"/proposals/{proposal.pk}/accept/", {}).code == "session_required"
    assert other_user("get", "/proposals/").json["results"] == []
    assert other_user("post", f"/proposals/{proposal.pk}/accept/", {}).status == 404
    assert other_user("delete", f"/proposals/{proposal.pk}/").status == 404
    accept = f"/proposals/{proposal.pk}/accept/"
    accepted, again = (person("post", accept, {"text": "Three."}, Idempotency_Key="k") for _ in range(2))
    assert (accepted.status, accepted.json["text"], accepted.json["tags"]) == (201, "Three.", ["a"])
    assert again.content == accepted.content
    assert person("post", accept, {"text": "Three."}).status == 404
    assert person("delete", f"/proposals/{other.pk}/").status == 204


def test_rest_accept_can_name_the_seen_version(ada: User) -> None:
    memory = remember(ada, "Ada lives in London.")
    with pytest.raises(ApprovalRequired) as pending:
        writes.update_memory(make_restricted_app(ada), memory.pk, text="Ada lives in Paris.")
    writes.update_memory(session(ada), memory.pk, text="Ada moved to Turin.")
    accept = f"/proposals/{pending.value.ids[0]}/accept/"
    assert session_of(ada)("post", accept, {}, If_Match='"1"').status == 412
    assert session_of(ada)("post", accept, {}, If_Match='"2"').json["text"] == "Ada lives in Paris."


def test_rest_can_require_approval_for_an_app(ada: User) -> None:
    call = app_of(ada)
    grant = AppGrant.objects.get()
    answer = session_of(ada)("patch", f"/apps/{grant.pk}/", {"asks_first": True})
    assert answer.json["asks_first"] is True
    assert call("post", "/memories/", {"text": "New."}).status == 202
    session_of(ada)("patch", f"/apps/{grant.pk}/", {"asks_first": False})
    assert call("post", "/memories/", {"text": "New."}).status == 201


# --- MCP ----------------------------------------------------------------------------------------------


def test_mcp_reports_pending_proposal(ada: User) -> None:
    call = mcp_app_of(ada)
    require_approval(ada)
    memory = remember(ada, "There.")
    result = call.call("add_memory", text="New.").said
    assert result["waits"] is True
    assert "approval" in result["note"]
    assert result["url"].endswith(REVIEW)
    assert call.call("add_memory", text="New.").said == result
    assert call.call("update_memory", id=str(memory.pk), text="Other.").said["waits"] is True
    assert "Only the user" in call.call("forget_memory", id=str(memory.pk)).refused
    assert call.call("search", query="new").said["results"] == []
    assert call.call("fetch", id=result["id"]).refused
    accept_all(ada)
    assert call.call("fetch", id=result["id"]).said["text"] == "New."


# --- Web page -----------------------------------------------------------------------------------------


def test_page_accepts_selected_as_edited_and_declines_the_rest(ada: User, ada_client: Client) -> None:
    one, two = propose(ada, "One <b>."), propose(ada, "Two.")
    shown = ada_client.get(REVIEW).content.decode()
    assert "One &lt;b&gt;." in shown
    form = {
        "act": "accept",
        "pick": [str(one.pk)],
        f"text-{one.pk}": "One, edited.",
        f"tags-{one.pk}": "a, b",
    }
    assert ada_client.post(REVIEW, form).status_code == 302
    [memory] = Memory.objects.all()
    assert memory.text == "One, edited."
    ada_client.post(REVIEW, {"act": f"decline:{two.pk}"})
    assert not Proposal.objects.exists()
    assert "Nothing to review" in ada_client.get(REVIEW).content.decode()


def test_page_preserves_input_if_acceptance_fails(ada: User, ada_client: Client) -> None:
    proposal = propose(ada, "One.")
    form = {"act": "accept", "pick": [str(proposal.pk)], f"text-{proposal.pk}": "x" * 8_001}
    answer = ada_client.post(REVIEW, form)
    assert answer.status_code == 422
    assert "at most 8,000" in answer.content.decode()
    assert "x" * 8_001 in answer.content.decode()


def test_proposals_of_another_user_are_not_found(ada: User, bob_client: Client) -> None:
    proposal = propose(ada, "Hers.")
    assert "Hers." not in bob_client.get(REVIEW).content.decode()
    assert bob_client.post(REVIEW, {"act": f"decline:{proposal.pk}"}).status_code == 404
    assert bob_client.post(REVIEW, {"act": f"accept:{proposal.pk}"}).status_code == 404
    assert Proposal.objects.filter(pk=proposal.pk).exists()
    assert not Memory.objects.exists()


def test_header_counts_pending_proposals(ada: User, ada_client: Client) -> None:
    assert "chip-wait" not in ada_client.get("/memories/").content.decode()
    propose(ada, "One.")
    assert "Review" in ada_client.get("/memories/").content.decode()


def test_app_page_can_require_approval(ada: User, ada_client: Client) -> None:
    app_of(ada)
    grant = AppGrant.objects.get()
    form = {"scopes": [scopes.READ, scopes.WRITE], "reach": "all", "ends": "never", "asks_first": "on"}
    assert ada_client.post(f"/accounts/apps/{grant.pk}/narrow/", form).status_code == 302
    grant.refresh_from_db()
    assert grant.asks_first
    assert "needs approval" in ada_client.get("/accounts/apps/").content.decode()
