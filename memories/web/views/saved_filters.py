"""Views to save and delete filters of the list."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from memories.services import saved_filters
from memories.web.decorators import Request, memory_view, redirect_back
from memories.web.list_form import ListForm


@require_POST
@memory_view
def save_filter(request: Request, actor: Actor) -> HttpResponseBase:
    list_form = ListForm(request.POST)
    try:
        saved_filters.save_filter(actor, name=request.POST.get("name", ""), parts=list_form.get_url_params())
        messages.success(request, _("Saved."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect_back(request, "memories:list")


@require_POST
@memory_view
def delete_filter(request: Request, actor: Actor, filter_id: UUID) -> HttpResponseBase:
    saved_filters.delete_filter(actor, filter_id)
    messages.success(request, _("Filter deleted. Its memories stay saved."))
    return redirect_back(request, "memories:list")
