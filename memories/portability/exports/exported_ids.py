"""The ids under which the user knew their memories where these were imported from: exports write them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from accounts.actor import Actor
from memories.models import LinkedMemory, Memory


def attach_exported_ids(actor: Actor, memories: Sequence[Memory]) -> None:
    """Set `exported_id` of memories with links, and replace the ids of their links.

    It is the id from the file that a memory was imported from, or else its own: also if another memory that the actor
    may see has that id itself.
    """
    linked = {
        each.id
        for memory in memories
        for each in (memory.superseded, memory.superseded_by)
        if each is not None
    }
    imported = {memory.pk: memory.imported_id for memory in memories}
    own = Memory.objects.visible_to(actor, owner=actor.person)
    if missing := linked - imported.keys():
        imported |= dict(own.filter(pk__in=missing).values_list("pk", "imported_id"))
    known = [imported_id for imported_id in imported.values() if imported_id is not None]
    taken = set(own.filter(pk__in=known).values_list("pk", flat=True)) if known else set()
    exported = {pk: pk if each is None or each in taken else each for pk, each in imported.items()}
    for memory in memories:
        memory.exported_id = exported[memory.pk]
        memory.superseded = _replace_id(memory.superseded, exported)
        memory.superseded_by = _replace_id(memory.superseded_by, exported)


def _replace_id(linked: LinkedMemory | None, exported: Mapping[UUID, UUID]) -> LinkedMemory | None:
    return linked and LinkedMemory(exported.get(linked.id, linked.id), linked.created_at)
