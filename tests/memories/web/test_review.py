"""A yes in the review is to what was shown, and to nothing that came after."""

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


def keep_all(page: str) -> dict[str, str]:
    """What the button sends, from a page that was shown."""
    return {"act": "accept_all"} | shown_by(page)


def shown_by(page: str) -> dict[str, str]:
    """What every button sends: how many were shown, and of which version the memories were that would change."""
    return dict(re.findall(r'name="(until|count|version-[^"]*)" value="([^"]*)"', page))


def test_keeping_all_keeps_what_was_shown(ada: User, ada_client: Client) -> None:
    for text in ("One.", "Two."):
        propose(ada, text)
    shown = keep_all(ada_client.get(REVIEW).content.decode())
    late = propose(ada, "Too late to be seen.")
    ada_client.post(REVIEW, shown)
    assert {memory.text for memory in Memory.objects.all()} == {"One.", "Two."}
    assert Proposal.objects.get() == late


def test_keeping_all_from_a_further_page_is_of_what_the_first_counted(ada: User, ada_client: Client) -> None:
    with pytest.raises(ApprovalRequired):
        writes.create_memories(
            make_restricted_app(ada), [NewMemory(f"Number {number}.") for number in range(26)]
        )
    first = ada_client.get(REVIEW).content.decode()
    late = propose(ada, "Too late to be seen.")
    [further] = re.findall(r'href="(\?before=[^"]*)"', first)
    second = ada_client.get(REVIEW + further.replace("&amp;", "&")).content.decode()
    assert keep_all(second) == keep_all(first)
    ada_client.post(REVIEW, keep_all(second))
    assert Memory.objects.count() == 26
    assert Proposal.objects.get() == late


def test_an_earlier_id_that_came_later_is_not_kept_unseen(ada: User, ada_client: Client) -> None:
    """Ids are made before their transaction ends."""
    early = new_id_at(timezone.now() - timedelta(hours=1))
    propose(ada, "Seen.")
    shown = keep_all(ada_client.get(REVIEW).content.decode())
    late = propose(ada, "Not seen.")
    Proposal.objects.filter(pk=late.pk).update(id=early)
    answer = ada_client.post(REVIEW, shown, follow=True)
    assert "More came meanwhile" in answer.content.decode()
    assert not Memory.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"until": "x", "count": "1"}, {"until": str(uuid4()), "count": "-1"}])
def test_keeping_all_of_nothing_that_was_shown_keeps_nothing(
    sent: dict[str, str], ada: User, ada_client: Client
) -> None:
    propose(ada, "One.")
    ada_client.post(REVIEW, {"act": "accept_all", **sent})
    assert not Memory.objects.exists()


# --- What would change ----------------------------------------------------------------------------------


def proposed_change(user: User, memory: Memory, **changes: Any) -> Proposal:
    with pytest.raises(ApprovalRequired) as waits:
        writes.update_memory(make_restricted_app(user), memory.pk, **changes)
    [proposal] = waits.value.proposals
    assert isinstance(proposal, Proposal)
    return proposal


@pytest.mark.parametrize("button", ["accept", "accept:{}", "accept_all"])
def test_a_yes_to_a_change_is_to_what_the_memory_said_then(
    button: str, ada: User, ada_client: Client
) -> None:
    memory = remember(ada, "Ada lives in London.")
    proposal = proposed_change(ada, memory, text="Ada lives in Paris.")
    shown = shown_by(ada_client.get(REVIEW).content.decode())
    writes.update_memory(session(ada), memory.pk, text="Ada moved to Turin.")
    sent = {**shown, "pick": str(proposal.pk), "act": button.format(proposal.pk)}
    answer = ada_client.post(REVIEW, sent)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "was changed meanwhile" in page
    assert "Ada moved to Turin." in page
    assert Memory.objects.get().text == "Ada moved to Turin."
    again = {**sent, **shown_by(page)}
    assert ada_client.post(REVIEW, again).status_code == 302
    assert Memory.objects.get().text == "Ada lives in Paris."


def test_two_changes_of_one_memory_are_kept_by_one_yes(ada: User, ada_client: Client) -> None:
    memory = remember(ada, "Ada lives in London.")
    proposed_change(ada, memory, text="Ada lives in Paris.")
    proposed_change(ada, memory, tags=["home"])
    shown = keep_all(ada_client.get(REVIEW).content.decode())
    assert ada_client.post(REVIEW, shown).status_code == 302
    memory.refresh_from_db()
    assert (memory.text, [tag.name for tag in memory.tags.all()]) == ("Ada lives in Paris.", ["home"])
