"""Which memory replaces which, set and removed by the user on a memory's page."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from memories.errors import MemoryNotFound
from memories.models import LinkedMemory, Memory
from memories.search.near_duplicates import dismiss_duplicate
from memories.search.query import search_memories
from memories.services import reads, writes
from memories.web.decorators import Request, memory_view, redirect_back
from memories.web.presenters import MemoryRow

FOUND = 5  # memories offered for a link
LOOKED_THROUGH = 20  # search results, of which newer ones are not offered


def build_link_context(actor: Actor, memory: Memory, query: str = "") -> dict[str, object]:
    """Return what the memory replaces and what replaces it, and the memories found for a new link."""
    return {
        "newer": _get_row(actor, memory.superseded_by),
        "older": _get_row(actor, memory.superseded),
        "find": query,
        "found": _find_rows(actor, memory, query) if query else [],
    }


@require_POST
@memory_view
def supersede_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Let the memory replace the `older` one, or keep both without asking again."""
    older_id = _parse_older_id(request)
    if request.POST.get("act") == "keep":
        dismiss_duplicate(actor, memory_id, older_id)
        messages.success(request, _("Both memories kept. Picard won't ask again."))
        return _redirect(request, memory_id)
    try:
        writes.update_memory(actor, memory_id, supersedes=older_id)
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
        return _redirect(request, memory_id)
    undo_url = reverse("memories:unlink", args=[memory_id])
    messages.success(request, _("Replaced. The older memory is shown as past."), extra_tags=undo_url)
    return _redirect(request, memory_id)


@require_POST
@memory_view
def unlink_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Remove the memory's link to the older one that it replaces."""
    memory = reads.get_memory(actor, memory_id)
    if memory.superseded is not None:
        writes.update_memory(actor, memory_id, supersedes=None)
        undo_url = reverse("memories:supersede", args=[memory_id])
        undo_url = f"{undo_url}?{urlencode({'older': memory.superseded.id})}"
        messages.success(request, _("Link removed. Both memories are current."), extra_tags=undo_url)
    return _redirect(request, memory_id)


def get_older_row(actor: Actor, value: object) -> MemoryRow | None:
    """Return the memory that a new one is to replace, by the id in the form or in the URL."""
    try:
        return MemoryRow(reads.get_memory(actor, UUID(str(value))))
    except (ValueError, MemoryNotFound):
        return None


def _redirect(request: Request, memory_id: UUID) -> HttpResponse:
    return redirect_back(request, "memories:detail", memory_id)


def _parse_older_id(request: Request) -> UUID:
    try:
        return UUID(request.POST.get("older") or request.GET.get("older", ""))
    except ValueError:
        raise Http404 from None


def _get_row(actor: Actor, link: LinkedMemory | None) -> MemoryRow | None:
    try:
        return None if link is None else MemoryRow(reads.get_memory(actor, link.id))
    except MemoryNotFound:  # deleted meanwhile
        return None


def _find_rows(actor: Actor, memory: Memory, query: str) -> list[MemoryRow]:
    """Return older memories that nothing replaces."""
    hits = search_memories(actor, query, limit=LOOKED_THROUGH, only_related=True).hits
    older = [
        hit
        for hit in hits
        if hit.memory.pk != memory.pk
        and hit.memory.created_at <= memory.created_at
        and hit.memory.superseded_by is None
    ]
    return [MemoryRow(hit.memory, hit=hit) for hit in older[:FOUND]]
