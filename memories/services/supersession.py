"""Which memory replaces which. The link is stored with the newer memory, in `Memory.supersedes`.

Links form chains: an older memory has at most one newer one. A newer memory in the trash, an expired one, and one that
the actor may not see supersede nothing for this actor; the chain goes on behind them, and nothing reveals them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.ids import new_id
from accounts.models import User
from core.db.locks import OwnerLock, lock_owner
from core.db.prepared import fetch_prepared
from memories.models import LinkedMemory, Memory
from memories.models.visibility import get_visible_source
from memories.services import audit
from memories.services.chains import MAX_CHAIN, Chains, load_chains, walk
from memories.validation.drafts import Changes

NO_LINKS: Mapping[UUID, UUID] = MappingProxyType({})
Memories = TypeVar("Memories", bound=QuerySet[Any])

# Selected with a memory, so that those without links need no further statement. The parameter is the owner.
HAS_SUCCESSOR = """exists (
  select from memories_memory newer where newer.owner_id = %s
  and newer.supersedes_id = memories_memory.id and newer.supersedes_id is not null
)"""

# The memories that remain next to deleted ones of a chain, with the next older one that remains.
GAPS = """
with recursive gap as (
  select id, supersedes_id as older_id from memories_memory
  where owner_id = %s and supersedes_id = any(%s::uuid[]) and supersedes_id is not null and id <> all(%s::uuid[])
  union
  select gap.id, memory.supersedes_id from gap join memories_memory memory
  on memory.owner_id = %s and memory.id = gap.older_id where memory.id = any(%s::uuid[])
)
select id, older_id from gap where older_id <> all(%s::uuid[])
"""


@dataclass(frozen=True)
class Link:
    """A link that may be saved. moves: what hidden memories of the two chains then supersede, so that these stay whole.

    A visible memory can be among them, the oldest of its chain; for this actor it stays the oldest.
    """

    newer_id: UUID
    older_id: UUID | None
    moves: Sequence[tuple[UUID, UUID | None]] = ()
    visible: Collection[UUID] = ()


# --- What an actor sees ---------------------------------------------------------------------------------


def with_successors(memories: Memories, owner_id: UUID) -> Memories:
    """Select memories of one owner with `has_successor`: `attach_links` needs no statement where there are no links."""
    has_successor = RawSQL(HAS_SUCCESSOR, (owner_id,))  # noqa: S611 - a constant # nosec B611
    return memories.annotate(has_successor=has_successor)


def attach_links(actor: Actor, memories: Iterable[Memory], *, owner: User | None = None) -> Chains:
    """Set `superseded_by`, `superseded` and `visible_source` of memories of one owner, as the actor may see them.

    One statement, none if no memory has a link. owner: by default the actor's own user.
    """
    linked = []
    for memory in memories:
        memory.visible_source = get_visible_source(actor, memory.source)
        if memory.supersedes_id or memory.has_successor:
            linked.append(memory)
    older = [memory.supersedes_id for memory in linked if memory.supersedes_id]
    chains = load_chains(actor, owner or actor.person, [memory.pk for memory in linked], older)
    for memory in linked:
        memory.superseded_by = chains.find_successor(memory.pk)
        memory.superseded = _find_superseded(chains, memory)
    return chains


def find_current(actor: Actor, memory_id: UUID) -> UUID | None:
    """Return the newest of the user's own memories in this one's chain; None if the actor may not see this one."""
    chains = load_chains(actor, actor.person, [memory_id], [memory_id])
    return [memory_id, *chains.list_successors(memory_id)][-1] if memory_id in chains.visible else None


def _find_superseded(chains: Chains, memory: Memory) -> LinkedMemory | None:
    if memory.supersedes_id is None:
        return None
    return Chains({}, {**chains.older, memory.pk: memory.supersedes_id}, chains.visible).find_superseded(
        memory.pk
    )


# --- Changes: each needs a transaction -------------------------------------------------------------------


def lock_links(owner_id: UUID, memory_ids: Collection[UUID] = ()) -> None:
    """Lock the owner's links, since two links made at once could form a circle, and then memories in order.

    The first lock of a transaction that may change links: others hold it while they wait for memories.
    """
    lock_owner(OwnerLock.LINKS, owner_id)
    rows = Memory.objects.filter(owner_id=owner_id, pk__in=memory_ids).order_by("pk")
    list(rows.select_for_update(of=("self",)).values_list("pk"))


def check_link(actor: Actor, newer_id: UUID, older_id: UUID, new: Mapping[UUID, UUID] = NO_LINKS) -> Link:
    """Return the link by which one memory of the actor's user may supersede another.

    The actor must see both. Raises ValidationError (supersedes) if the older one is absent or already superseded,
    if the links would form a circle, or if the chain would have more than MAX_CHAIN memories. Links that the actor
    may not see stay, and do not matter: what is hidden above the older memory goes above the newer one, and what
    is hidden below the newer one goes below the older one's chain.
    new: links between new memories, which are not saved yet.
    """
    ids = [newer_id, older_id]
    chains = load_chains(actor, actor.person, ids, ids)
    newer, older = {**chains.newer, **{to: pk for pk, to in new.items()}}, chains.older
    if older_id not in chains.visible:
        raise _make_error(_("Not found."), "not_found")
    audit.touch(actor, [older_id])
    if newer_id in walk(older, older_id):
        raise _make_error(_("A memory cannot supersede itself, directly or through others."), "circle")
    hidden: list[UUID] = []
    for following in walk(newer, older_id)[1:]:
        if following == newer_id:  # superseded already, through nothing that the actor may see
            return Link(newer_id, older[newer_id])
        if following in chains.visible:
            raise _make_error(_("Another memory already supersedes this one."), "superseded")
        hidden.append(following)
    moves = _leave_chain(actor, chains, newer_id)
    whole = [*walk(older, older_id), *([newer_id] if moves else walk(newer, newer_id))]
    if hidden and _is_present(actor, hidden):
        moves.append((hidden[0], whole[-1]))
        whole += hidden
    elif hidden:
        moves.append((hidden[0], None))
    if newer_id in older and chains.find_superseded(newer_id) is None:
        moves.append((walk(older, older_id)[-1], older[newer_id]))
        whole += walk(older, newer_id)[1:]
    _check_length(whole)
    return Link(newer_id, older_id, moves, chains.visible)


def lock_change(actor: Actor, memory_id: UUID, values: Changes) -> None:
    """Lock both memories of a link that changes, before either of them is locked alone."""
    if "supersedes" in values:
        older_id = values["supersedes"]
        lock_links(actor.person.pk, [memory_id, older_id] if older_id else [memory_id])


def check_change(actor: Actor, memory: Memory, changes: Changes) -> Link | None:
    """Check the link among the changes of a memory, and replace it by the one to save.

    Without a link that the actor sees, there is none to remove: a link to a hidden memory stays.
    """
    if "supersedes" not in changes:
        return None
    older_id = changes["supersedes"]
    if older_id is not None:
        link = check_link(actor, memory.pk, older_id)
        changes["supersedes"] = link.older_id
        return link
    if memory.supersedes_id is not None:
        chains = load_chains(actor, actor.person, [memory.pk], [memory.pk])
        if chains.find_superseded(memory.pk) is not None:
            return Link(memory.pk, None, _leave_chain(actor, chains, memory.pk), chains.visible)
    del changes["supersedes"]
    return None


def check_proposed(actor: Actor, older_ids: Sequence[UUID]) -> None:
    """Check the links of proposed memories, whose ids do not exist yet."""
    for older_id in older_ids:
        check_link(actor, new_id(), older_id)


def make_room(owner_id: UUID, link: Link | None) -> None:
    """Move the hidden memories that must make room for a link, which is saved afterwards."""
    if link is None or not link.moves:
        return
    own = Memory.objects.filter(owner_id=owner_id)
    own.filter(pk__in=[link.newer_id, *dict(link.moves)]).update(supersedes=None)  # one successor per memory
    for memory_id, older_id in link.moves:
        own.filter(pk=memory_id).update(supersedes_id=older_id)
    # A new version of a visible memory would reveal a hidden one.
    hidden = [memory_id for memory_id, _older in link.moves if memory_id not in link.visible]
    own.filter(pk__in=hidden).update(version=F("version") + 1, updated_at=Now())


def link_new(actor: Actor, rows: Sequence[Memory]) -> None:
    """Check the links of new memories, which may supersede each other, and make room for them."""
    links = {row.pk: row.supersedes_id for row in rows if row.supersedes_id}
    if not links:
        return
    new = {row.pk for row in rows}
    lock_links(actor.person.pk, set(links.values()) - new)
    if len(set(links.values())) < len(links):
        raise _make_error(_("Another memory already supersedes this one."), "superseded")
    among_new = {newer_id: older_id for newer_id, older_id in links.items() if older_id in new}
    for newer_id, older_id in links.items():
        if older_id not in new:
            make_room(actor.person.pk, check_link(actor, newer_id, older_id, among_new))
        elif newer_id in walk(links, older_id):
            raise _make_error(_("A memory cannot supersede itself, directly or through others."), "circle")
    for newest_id in among_new.keys() - set(among_new.values()):
        _check_length(walk(among_new, newest_id))


def _check_length(chain: Collection[UUID]) -> None:
    if len(chain) > MAX_CHAIN:
        message = _("A chain of memories that supersede each other can have at most %(limit)s memories.")
        raise _make_error(message % {"limit": MAX_CHAIN}, "too_long")


def _leave_chain(actor: Actor, chains: Chains, memory_id: UUID) -> list[tuple[UUID, UUID | None]]:
    """Return how a memory leaves what it supersedes: what is above it moves there, if all of that is hidden."""
    above = walk(chains.newer, memory_id)[1:]
    if not above or chains.list_successors(memory_id) or chains.find_superseded(memory_id) is None:
        return []
    return [(above[0], chains.older[memory_id])] if _is_present(actor, above) else []


def _is_present(actor: Actor, hidden: Collection[UUID]) -> bool:
    """Return whether the user sees one of the memories, which are hidden from this actor."""
    present = Memory.objects.visible_to(Actor(user=actor.user, door=actor.door), owner=actor.person)
    return present.filter(pk__in=hidden).exists()


def take_over_links(actor: Actor, memory_id: UUID, into: UUID) -> None:
    """Give a memory the links of another that was merged into it.

    Not if one superseded the other, nor if the chain became too long: the other one keeps its links in the trash.
    """
    owner = actor.person
    chains = load_chains(actor, owner, [memory_id, into], [memory_id, into])
    if into in walk(chains.older, memory_id) or into in walk(chains.newer, memory_id):
        return
    links = [(chains.newer, memory_id), (chains.newer, into), (chains.older, memory_id), (chains.older, into)]
    if sum(len(walk(each, start)) - 1 for each, start in links) >= MAX_CHAIN:
        return
    older_id, newer_id = chains.older.get(memory_id), chains.newer.get(memory_id)
    own = Memory.objects.filter(owner_id=owner.pk)
    own.filter(pk=memory_id).update(supersedes=None)
    if newer_id is not None and into not in chains.newer:
        own.filter(pk=newer_id).update(supersedes_id=into)
    if older_id is not None and into not in chains.older:
        own.filter(pk=into).update(supersedes_id=older_id)


def bridge_links(owner_id: UUID, deleted_ids: Collection[UUID]) -> None:
    """Link what supersedes memories that are about to be deleted to what these supersede. The links are locked."""
    ids = list(deleted_ids)
    gaps = fetch_prepared(GAPS, [owner_id, ids, ids, owner_id, ids, ids])
    if gaps:
        own = Memory.objects.filter(owner_id=owner_id)
        own.filter(pk__in=ids, supersedes__isnull=False).update(supersedes=None)  # one successor per memory
        for newer_id, older_id in gaps:
            own.filter(pk=newer_id).update(supersedes_id=older_id)


def _make_error(message: str, code: str) -> ValidationError:
    return ValidationError({"supersedes": ValidationError(message, code=code)})
