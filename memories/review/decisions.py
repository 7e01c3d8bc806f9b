"""What waits for a person's yes: seen, accepted, changed and declined by their own session alone.

A proposal that is absent or another person's raises MemoryNotFound; an app, InsufficientScope.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from accounts.actor import Actor, InsufficientScope
from accounts.fields import DecryptError
from memories import scopes
from memories.errors import MemoryNotFound, SelectionChanged, VersionConflict
from memories.models import AuditAction, Memory, Proposal, Visibility
from memories.services import audit, writes
from memories.services import proposals as proposal_services
from memories.services.reads import paginate
from memories.validation.drafts import UNSET, NewMemory

REVIEW_ERRORS = (ValidationError, MemoryNotFound, VersionConflict, DecryptError)


@dataclass(frozen=True)
class PendingProposal:
    """A proposal as its person sees it. memory: the one that it would change; content: None where it does not open."""

    proposal: Proposal
    content: proposal_services.Content | None
    memory: Memory | None = None

    @property
    def is_change(self) -> bool:
        return self.proposal.memory_id is not None


@dataclass(frozen=True)
class ProposalPage:
    """Some of what waits, newest first; `next` is the cursor of the page after it."""

    waiting: list[PendingProposal]
    next: UUID | None


class Edit(TypedDict, total=False):
    """What a person changed of a proposal, and the version that they saw of the memory it changes."""

    text: str
    tags: Sequence[str]
    expected_version: int | None


@dataclass(frozen=True)
class ReviewResult:
    """What a yes to many came to. refused: why, by proposal; those wait on."""

    memories: list[Memory]
    refused: dict[UUID, Exception]


def count_pending_proposals(actor: Actor, *, until: UUID | None = None) -> int:
    return _get_proposals_until(actor, until).count()


def list_pending_proposals(actor: Actor, *, before: UUID | None = None, limit: int = 25) -> ProposalPage:
    shown, following = paginate(_get_own_proposals(actor), before, limit)
    about = [proposal.memory_id for proposal in shown if proposal.memory_id]
    memories = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(about) if about else {}
    waiting = [PendingProposal(each, _load_content(each), memories.get(each.memory_id)) for each in shown]
    return ProposalPage(waiting, following)


def accept_proposal(
    actor: Actor,
    proposal_id: UUID,
    *,
    text: str | None = None,
    tags: Sequence[str] | None = None,
    expected_version: int | None = None,
) -> Memory:
    """Keep it, with this text and these tags where they are given; the memory is its app's.

    expected_version: of the memory that it changes, as the person saw it. Raises ValidationError, VersionConflict.
    """
    with transaction.atomic():
        [proposal] = _lock_proposals(actor, [proposal_id])
        content = proposal_services.load_content(proposal)
        if text is not None:
            content["text"] = text
        if tags is not None:
            content["tags"] = tags
        memory = _apply_proposal(
            _limit_actor(actor, content.get("only_tags")), proposal, content, expected_version
        )
        proposal.delete()
    return memory


def accept_proposals(actor: Actor, edits: Mapping[UUID, Edit]) -> ReviewResult:
    """Accept each proposal, with its edits; one failure stops no other. Raises MemoryNotFound if one is absent."""
    about = dict(_get_own_proposals(actor).filter(pk__in=edits).values_list("pk", "memory_id"))
    if len(about) < len(edits):
        raise MemoryNotFound
    memories: list[Memory] = []
    refused: dict[UUID, Exception] = {}
    made: dict[
        UUID, int
    ] = {}  # of two that change one memory, the second finds the version that the first made
    for proposal_id, edited in sorted(edits.items()):  # the oldest first, whatever their order on a page
        memory_id = about[proposal_id]
        if memory_id in made:
            edited = {**edited, "expected_version": made[memory_id]}
        try:
            memory = accept_proposal(actor, proposal_id, **edited)
        except REVIEW_ERRORS as refusal:
            refused[proposal_id] = refusal
        else:
            memories.append(memory)
            made[memory.pk] = memory.version
    return ReviewResult(memories, _filter_pending(actor, refused))


def accept_all_proposals(
    actor: Actor, *, until: UUID, count: int, seen: Mapping[UUID, int | None]
) -> ReviewResult:
    """Everything that waited when its person looked, the oldest first: so many, the newest of them `until`.

    seen: by proposal the version of the memory that it changes, of those that were shown. Raises MoreCame where there
    are more, whose ids are earlier but whose transaction ended later.
    """
    ids = list(_get_proposals_until(actor, until).order_by("pk").values_list("pk", flat=True))
    if len(ids) > count:
        raise SelectionChanged
    return accept_proposals(actor, {pk: {"expected_version": seen.get(pk)} for pk in ids})


@transaction.atomic
def decline_proposals(actor: Actor, proposal_ids: Collection[UUID]) -> int:
    """Throw these away, all or none; returns how many."""
    proposals = _lock_proposals(actor, proposal_ids)
    about = [proposal.memory_id or proposal.pk for proposal in proposals]
    audit.record_event(actor, AuditAction.MEMORY_DECLINE, owner_id=actor.person.pk, memory_ids=about)
    Proposal.objects.filter(pk__in=[proposal.pk for proposal in proposals]).delete()
    return len(proposals)


def _get_own_proposals(actor: Actor) -> QuerySet[Proposal]:
    if actor.is_app:
        # An app that waits for a yes must not be able to give it.
        raise InsufficientScope("sign-in")
    actor.require_scope(scopes.WRITE)
    return Proposal.objects.filter(owner_id=actor.person.pk)


def _get_proposals_until(actor: Actor, until: UUID | None) -> QuerySet[Proposal]:
    return _get_own_proposals(actor) if until is None else _get_own_proposals(actor).filter(pk__lte=until)


def _filter_pending(actor: Actor, refused: dict[UUID, Exception]) -> dict[UUID, Exception]:
    """Without what a second click, or another window, has answered meanwhile."""
    present = (
        set(_get_own_proposals(actor).filter(pk__in=refused).values_list("pk", flat=True))
        if refused
        else set()
    )
    return {pk: why for pk, why in refused.items() if pk in present}


def _lock_proposals(actor: Actor, ids: Collection[UUID]) -> list[Proposal]:
    found = list(_get_own_proposals(actor).filter(pk__in=ids).select_for_update(of=("self",)).order_by("pk"))
    if len(found) < len(set(ids)):
        raise MemoryNotFound
    return found


def _load_content(proposal: Proposal) -> proposal_services.Content | None:
    try:
        return proposal_services.load_content(proposal)
    except DecryptError:
        return None


def _limit_actor(actor: Actor, only_tags: Sequence[str] | None) -> Actor:
    return actor if only_tags is None else replace(actor, only_tags=frozenset(map(UUID, only_tags)))


def _apply_proposal(
    actor: Actor, proposal: Proposal, content: proposal_services.Content, expected_version: int | None
) -> Memory:
    if proposal.memory_id is not None:
        return writes.update_memory(
            actor,
            proposal.memory_id,
            expected_version=expected_version,
            text=content.get("text", UNSET),
            visibility=content.get("visibility", UNSET),
            tags=content.get("tags", UNSET),
            expires_at=content.get("expires_at", UNSET),
            source=proposal.source,
        )
    item = NewMemory(
        text=content["text"],
        visibility=content.get("visibility", Visibility.PRIVATE),
        tags=content.get("tags", ()),
        expires_at=content.get("expires_at"),
        conversation=content.get("conversation"),
        position=content.get("position"),
        id=proposal.pk,
    )
    [memory] = writes.create_memories(actor, [item], source=proposal.source)
    return memory
