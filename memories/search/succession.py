"""Search results in which a superseded memory comes after what replaced it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from accounts.actor import Actor
from accounts.models import User
from memories.models import Memory
from memories.models.visibility import Filters
from memories.search.hits import Hit, Relevance
from memories.services.chains import Chains
from memories.services.supersession import attach_links, with_successors
from memories.services.tags import attach_prefetched_tags, with_tags

MAX_FILTERED = 20  # newest memories of a chain, among which one that matches the filters is looked for


def put_successors_first(actor: Actor, hits: Sequence[Hit], *, owner: User, filters: Filters) -> list[Hit]:
    """Order each superseded memory after the newer ones among the hits and the newest that matches the filters.

    The newest one is added if it is not a hit. It is as likely to be meant as what it replaced. Also sets what the
    actor may see of the links. One statement if a hit has a link, another if a memory is added.
    """
    chains = attach_links(actor, [hit.memory for hit in hits], owner=owner)
    newer = {hit.memory.pk: chains.list_successors(hit.memory.pk) for hit in hits}
    found = {hit.memory.pk: hit for hit in hits}
    added = _load_newest(actor, chains, owner, filters, newer.values(), found.keys())
    ordered: dict[UUID, Hit] = {}
    for hit in hits:
        matching = [each for each in newer[hit.memory.pk] if each in found or each in added]
        for each in reversed(matching):
            own = ordered.get(each) or found.get(each)
            if own is not None:
                ordered[each] = _raise_hit(own, hit)
            elif each == matching[-1]:
                ordered[each] = replace(hit, memory=added[each], matched=(), passage=None, replaces=hit)
        ordered.setdefault(hit.memory.pk, hit)
    return list(ordered.values())


def _load_newest(
    actor: Actor,
    chains: Chains,
    owner: User,
    filters: Filters,
    newer: Iterable[Sequence[UUID]],
    found: Collection[UUID],
) -> dict[UUID, Memory]:
    """Return what may be added: of each chain the newest memory, or with filters the newest ones that match."""
    reached = 1 if filters == Filters() else MAX_FILTERED
    wanted = {each for successors in newer for each in successors[-reached:]}.difference(found)
    if not wanted:
        return {}
    rows = Memory.objects.visible_to(actor, owner=owner).apply_filters(actor, filters)
    loaded = with_successors(with_tags(rows, owner.pk), owner.pk).in_bulk(wanted)
    attach_prefetched_tags(actor, loaded.values())
    for memory in loaded.values():
        memory.superseded_by = chains.find_successor(memory.pk)
        memory.superseded = chains.find_superseded(memory.pk)
    return {**loaded}


def _raise_hit(own: Hit, older: Hit) -> Hit:
    """Return the hit, ranked at least as high as the one that it replaces."""
    better = min(own, older, key=lambda hit: list(Relevance).index(hit.relevance))
    return replace(
        own,
        score=max(own.score, older.score),
        strength=max(own.strength, older.strength),
        cosine=max((hit.cosine for hit in (own, older) if hit.cosine is not None), default=None),
        relevance=better.relevance,
        replaces=max(filter(None, (own.replaces, older)), key=lambda hit: hit.score),
    )
