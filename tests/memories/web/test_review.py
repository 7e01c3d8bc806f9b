"""The Review page: only what the page showed can be approved."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.ids import new_id_at
from accounts.models import User
from memories.errors import ApprovalRequired
from memories.models import Memory, Proposal
from memories.services import writes
from memories.validation.drafts import NewMemory
from tests.factories import remember, session
from tests.memories.review.test_decisions import REVIEW, make_restricted_app, propose

pytestmark = pytest.mark.django_db


def build_approve_all(page: str) -> dict[str, str]:
    """Return the data of the "Approve all" button of a page."""
    return {"act": "accept_all"} | parse_hidden_fields(page)


def parse_hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page: proposal count, newest proposal and memory versions."""
    return dict(re.findall(r'name="(until|count|version-[^"]*)" value="([^"]*)"', page))


def test_approve_all_saves_shown_proposals_only(ada: User, ada_client: Client) -> None:
    for text in ("One.", "Two."):
        propose(ada, text)
    shown = build_approve_all(ada_client.get(REVIEW).content.decode())
    late = propose(ada, "Too late to be seen.")
    ada_client.post(REVIEW, shown)
    assert {memory.text for memory in Memory.objects.all()} == {"One.", "Two."}
    assert Proposal.objects.get() == late


def test_approve_all_on_later_page_covers_count_of_first_page(ada: User, ada_client: Client) -> None:
    with pytest.raises(ApprovalRequired):
        writes.create_memories(
            make_restricted_app(ada), [NewMemory(f"Number {number}.") for number in range(26)]
        )
    first = ada_client.get(REVIEW).content.decode()
    late = propose(ada, "Too late to be seen.")
    [further] = re.findall(r'href="(\?before=[^"]*)"', first)
    second = ada_client.get(REVIEW + further.replace("&amp;", "&")).content.decode()
    assert build_approve_all(second) == build_approve_all(first)
    ada_client.post(REVIEW, build_approve_all(second))
    assert Memory.objects.count() == 26
    assert Proposal.objects.get() == late


def test_proposal_committed_late_with_earlier_id_is_not_approved(ada: User, ada_client: Client) -> None:
    """IDs are generated before the transaction commits."""
    early = new_id_at(timezone.now() - timedelta(hours=1))
    propose(ada, "Seen.")
    shown = build_approve_all(ada_client.get(REVIEW).content.decode())
    late = propose(ada, "Not seen.")
    Proposal.objects.filter(pk=late.pk).update(id=early)
    response = ada_client.post(REVIEW, shown, follow=True)
    assert "New proposals arrived" in response.content.decode()
    assert not Memory.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"until": "x", "count": "1"}, {"until": str(uuid4()), "count": "-1"}])
def test_approve_all_with_invalid_fields_saves_nothing(
    sent: dict[str, str], ada: User, ada_client: Client
) -> None:
    propose(ada, "One.")
    ada_client.post(REVIEW, {"act": "accept_all", **sent})
    assert not Memory.objects.exists()


# --- Proposed changes -----------------------------------------------------------------------------------


def propose_change(user: User, memory: Memory, **changes: Any) -> Proposal:
    with pytest.raises(ApprovalRequired) as error:
        writes.update_memory(make_restricted_app(user), memory.pk, **changes)
    [proposal] = error.value.proposals
    assert isinstance(proposal, Proposal)
    return proposal


@pytest.mark.parametrize("button", ["accept", "accept:{}", "accept_all"])
def test_approval_of_change_rejects_memory_edited_since_shown(
    button: str, ada: User, ada_client: Client
) -> None:
    memory = remember(ada, "Ada lives in London.")
    proposal = propose_change(ada, memory, text="Ada lives in Paris.")
    shown = parse_hidden_fields(ada_client.get(REVIEW).content.decode())
    writes.update_memory(session(ada), memory.pk, text="Ada moved to Turin.")
    sent = {**shown, "pick": str(proposal.pk), "act": button.format(proposal.pk)}
    response = ada_client.post(REVIEW, sent)
    assert response.status_code == 422
    page = response.content.decode()
    assert "was changed in the meantime" in page
    assert "Ada moved to Turin." in page
    assert Memory.objects.get().text == "Ada moved to Turin."
    again = {**sent, **parse_hidden_fields(page)}
    assert ada_client.post(REVIEW, again).status_code == 302
    assert Memory.objects.get().text == "Ada lives in Paris."


def test_approve_all_applies_two_changes_of_one_memory(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Ada lives in London.")
    propose_change(ada, memory, text="Ada lives in Paris.")
    propose_change(ada, memory, tags=["home"])
    shown = build_approve_all(ada_client.get(REVIEW).content.decode())
    assert ada_client.post(REVIEW, shown).status_code == 302
    memory.refresh_from_db()
    assert (memory.text, [tag.name for tag in memory.tags.all()]) == ("Ada lives in Paris.", ["home"])
