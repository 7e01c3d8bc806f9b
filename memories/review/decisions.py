"""Review of proposals: listed, accepted, edited and declined only in the user's own session.

A proposal that is absent or another user's raises MemoryNotFound; a call by an app, InsufficientScope.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.actor import Actor, InsufficientScope
from accounts.fields import DecryptError
from core.db.prepared import fetch_prepared
from memories import scopes
from memories.errors import MemoryNotFound, SelectionChanged, VersionConflict
from memories.models import AuditAction, Memory, Proposal, Visibility
from memories.services import audit, supersession, writes
from memories.services import proposals as proposal_services
from memories.services.reads import paginate
from memories.validation.drafts import UNSET, NewMemory

COUNT_SQL = "select count(*) from memories_proposal where owner_id = %s"
REVIEW_ERRORS = (ValidationError, MemoryNotFound, VersionConflict, DecryptError, IntegrityError)


@dataclass(frozen=True)
class PendingProposal:
    """A proposal for display.

    memory: the one that it would change. older: the one that its memory would replace. content: None if it cannot be
    decrypted.
    """

    proposal: Proposal
    content: proposal_services.Content | None
    memory: Memory | None = None
    older: Memory | None = None

    @property
    def is_change(self) -> bool:
        return self.proposal.memory_id is not None


@dataclass(frozen=True)
class ProposalPage:
    """A page of pending proposals, newest first; `next` is the cursor of the next page."""

    waiting: list[PendingProposal]
    next: UUID | None


class Edit(TypedDict, total=False):
    """A user's edits of a proposal, and the version that they saw of the memory it changes."""

    text: str
    tags: Sequence[str]
    expected_version: int | None


@dataclass(frozen=True)
class ReviewResult:
    """The result of accepting several proposals. refused: errors by proposal; those stay pending."""

    memories: list[Memory]
    refused: dict[UUID, Exception]


def count_pending_proposals(actor: Actor, *, until: UUID | None = None) -> int:
    if until is not None:
        return _get_proposals_until(actor, until).count()
    _require_review(actor)
    [(count,)] = fetch_prepared(COUNT_SQL, [actor.person.pk])  # the header of each page shows it
    return int(count)


def list_pending_proposals(actor: Actor, *, before: UUID | None = None, limit: int = 25) -> ProposalPage:
    shown, following = paginate(_get_own_proposals(actor), before, limit)
    contents = [_load_content(proposal) for proposal in shown]
    replaced = [(content or {}).get("supersedes") for content in contents]
    about = {proposal.memory_id for proposal in shown}.union(replaced) - {None}
    memories = Memory.objects.visible_to(actor, owner=actor.person).in_bulk(about) if about else {}
    waiting = [
        PendingProposal(proposal, content, memories.get(proposal.memory_id), memories.get(older))
        for proposal, content, older in zip(shown, contents, replaced, strict=True)
    ]
    return ProposalPage(waiting, following)


def accept_proposal(
    actor: Actor,
    proposal_id: UUID,
    *,
    text: str | None = None,
    tags: Sequence[str] | None = None,
    expected_version: int | None = None,
) -> Memory:
    """Accept a proposal, with an edited text and tags if given; the memory's source is the app.

    expected_version: of the memory that it changes, as the user saw it. Raises ValidationError, VersionConflict.
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
    # If two proposals change one memory, the second expects the version that the first created.
    versions: dict[UUID, int] = {}
    for proposal_id, edited in sorted(edits.items()):  # oldest first
        memory_id = about[proposal_id]
        if memory_id in versions:
            edited = {**edited, "expected_version": versions[memory_id]}
        try:
            memory = accept_proposal(actor, proposal_id, **edited)
        except REVIEW_ERRORS as error:
            refused[proposal_id] = error
        else:
            memories.append(memory)
            versions[memory.pk] = memory.version
    return ReviewResult(memories, _filter_pending(actor, refused))


def accept_all_proposals(
    actor: Actor, *, until: UUID, count: int, seen: Mapping[UUID, int | None]
) -> ReviewResult:
    """Accept all proposals that were pending when the user looked, oldest first: `count`, the newest being `until`.

    seen: the versions of the memories to change, by shown proposal. Raises SelectionChanged if there are more: their
    ids can be earlier although their transactions ended later.
    """
    ids = list(_get_proposals_until(actor, until).order_by("pk").values_list("pk", flat=True))
    if len(ids) > count:
        raise SelectionChanged
    return accept_proposals(actor, {pk: {"expected_version": seen.get(pk)} for pk in ids})


@transaction.atomic
def decline_proposals(actor: Actor, proposal_ids: Collection[UUID]) -> int:
    """Delete these proposals, all or none; return how many."""
    proposals = _lock_proposals(actor, proposal_ids)
    about = [proposal.memory_id or proposal.pk for proposal in proposals]
    audit.record_event(actor, AuditAction.MEMORY_DECLINE, owner_id=actor.person.pk, memory_ids=about)
    _get_own_proposals(actor).filter(pk__in=[proposal.pk for proposal in proposals]).delete()
    return len(proposals)


def _require_review(actor: Actor) -> None:
    if actor.is_app:
        # An app that needs approval must not be able to approve.
        raise InsufficientScope("sign-in")
    actor.require_scope(scopes.WRITE)


def _get_own_proposals(actor: Actor) -> QuerySet[Proposal]:
    _require_review(actor)
    return Proposal.objects.filter(owner_id=actor.person.pk)


def _get_proposals_until(actor: Actor, until: UUID | None) -> QuerySet[Proposal]:
    return _get_own_proposals(actor) if until is None else _get_own_proposals(actor).filter(pk__lte=until)


def _filter_pending(actor: Actor, refused: dict[UUID, Exception]) -> dict[UUID, Exception]:
    """Leave out proposals decided in the meantime, by a second click or in another window."""
    present = (
        set(_get_own_proposals(actor).filter(pk__in=refused).values_list("pk", flat=True))
        if refused
        else set()
    )
    return {pk: why for pk, why in refused.items() if pk in present}


def _lock_proposals(actor: Actor, ids: Collection[UUID]) -> list[Proposal]:
    locked = list(_get_own_proposals(actor).filter(pk__in=ids).select_for_update(of=("self",)).order_by("pk"))
    if len(locked) < len(set(ids)):
        raise MemoryNotFound
    return locked


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
    older_id = content.get("supersedes")
    if older_id is not None:  # whatever superseded it meanwhile is superseded too
        older_id = supersession.find_current(actor, older_id)
    if proposal.memory_id is not None:
        is_linked = "supersedes" in content and (older_id is not None or content["supersedes"] is None)
        return writes.update_memory(
            actor,
            proposal.memory_id,
            expected_version=expected_version,
            text=content.get("text", UNSET),
            visibility=content.get("visibility", UNSET),
            tags=content.get("tags", UNSET),
            expires_at=content.get("expires_at", UNSET),
            supersedes=older_id if is_linked and older_id != proposal.memory_id else UNSET,
            pinned=content.get("pinned", UNSET),
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
        supersedes=older_id,
        pinned=content.get("pinned", False),
    )
    try:
        with transaction.atomic():
            [memory] = writes.create_memories(actor, [item], source=proposal.source)
    except IntegrityError:  # the id or the place is taken: earlier versions let a file choose both
        item = replace(item, id=None, conversation=None, position=None)
        [memory] = writes.create_memories(actor, [item], source=proposal.source)
    return memory
