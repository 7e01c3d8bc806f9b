"""Pins, and the page with the context that apps get."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.actor import Actor
from memories.context.selection import build_context
from memories.services import writes
from memories.web.decorators import Request, memory_view, redirect_back

PINNED = {"true": True, "false": False}


@require_safe
@memory_view
def context_page(request: Request, actor: Actor) -> HttpResponseBase:
    return render(request, "memories/context.html", {"context": build_context(actor)})


@require_POST
@memory_view
def change_pin(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Pin or unpin a memory."""
    pinned = PINNED.get(request.POST.get("pinned", ""))
    if pinned is None:
        return HttpResponse(_("Choose whether to pin it."), status=422, content_type="text/plain")
    writes.update_memory(actor, memory_id, pinned=pinned)
    messages.success(request, _("Pinned.") if pinned else _("Unpinned."))
    return redirect_back(request, "memories:detail", memory_id)
