"""Saving a filter of the list under a name, and forgetting one."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from memories.services import reads, saved_filters
from memories.web.decorators import Request, back, memory_page
from memories.web.forms import ListForm


@require_POST
@memory_page
def save_filter(request: Request, actor: Actor) -> HttpResponseBase:
    listed = ListForm(request.POST, tags=reads.tags_of(actor))
    try:
        saved_filters.save_filter(actor, name=request.POST.get("name", ""), parts=listed.address())
        messages.success(request, _("Saved."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return back(request, "memories:list")


@require_POST
@memory_page
def delete_filter(request: Request, actor: Actor, filter_id: UUID) -> HttpResponseBase:
    saved_filters.delete_filter(actor, filter_id)
    messages.success(request, _("The filter is forgotten. Its memories stay."))
    return back(request, "memories:list")
