"""Saving a filter of the list under a name, and forgetting one."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from memories.services import reads, saved_filters
from memories.web.decorators import Request, memory_view, redirect_back
from memories.web.forms import ListForm


@require_POST
@memory_view
def save_filter(request: Request, actor: Actor) -> HttpResponseBase:
    listed = ListForm(request.POST, tags=reads.list_tags(actor))
    try:
        saved_filters.save_filter(actor, name=request.POST.get("name", ""), parts=listed.get_url_params())
        messages.success(request, _("Saved."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect_back(request, "memories:list")


@require_POST
@memory_view
def delete_filter(request: Request, actor: Actor, filter_id: UUID) -> HttpResponseBase:
    saved_filters.delete_filter(actor, filter_id)
    messages.success(request, _("The filter is forgotten. Its memories stay."))
    return redirect_back(request, "memories:list")
