"""Edit a memory or its tags: on its page, or in place in the list. Typed text survives every failure."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import retarget, trigger_client_event

from accounts.actor import Actor
from memories.errors import MemoryNotFound, VersionConflict
from memories.models import Memory
from memories.services import reads, writes
from memories.validation import limits
from memories.web.decorators import Request, add_form_errors, memory_view
from memories.web.forms import EditForm, MemoryForm, TagsForm, get_initial_values
from memories.web.presenters import MemoryRow
from memories.web.row_html import render_row
from memories.web.views.memory import build_detail_context


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def edit_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    return _edit(request, actor, memory_id, EditForm)


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def edit_tags(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    return _edit(request, actor, memory_id, TagsForm)


def _edit(request: Request, actor: Actor, memory_id: UUID, form_class: type[EditForm]) -> HttpResponseBase:
    try:
        memory = reads.get_memory(actor, memory_id)
        form = _build_form(request, memory, form_class)
        if not form.is_bound:
            return _render_form(request, actor, memory, form)
        saved = form.is_valid() and _update_memory(actor, memory, form)
    except VersionConflict:
        return _render_conflict(request, actor, memory_id, form_class)
    except MemoryNotFound:
        if request.method != "POST":
            raise
        return _render_gone(request, memory_id)
    if saved:
        return _render_saved(request, actor, memory_id)
    return _render_form(request, actor, memory, form, status=422)


def _build_form(request: Request, memory: Memory, form_class: type[EditForm], **changed: object) -> EditForm:
    """Return the form with the posted values. In the list, its ids must differ from those of other rows."""
    data = {**request.POST.dict(), **changed} if request.method == "POST" else None
    return form_class(data, memory=memory, auto_id=f"{memory.pk}-%s" if request.htmx else "id_%s")


def _update_memory(actor: Actor, memory: Memory, form: EditForm) -> bool:
    try:
        writes.update_memory(
            actor, memory.pk, expected_version=form.cleaned_data["version"], **form.get_values()
        )
    except ValidationError as error:
        add_form_errors(form, error)
        return False
    return True


def _render_saved(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    if request.htmx:
        row = MemoryRow(reads.get_memory(actor, memory_id))
        response = HttpResponse(render_row(row, open_id=memory_id))
        return trigger_client_event(response, "toast", {"text": _("Saved.")})
    messages.success(request, _("Saved."))
    return redirect("memories:detail", memory_id)


def _render_form(
    request: Request, actor: Actor, memory: Memory, form: EditForm, *, status: int = 200
) -> HttpResponseBase:
    if request.htmx:
        return _render_panel(request, memory, form, status=status)
    if isinstance(form, TagsForm):
        form = EditForm(memory=memory)  # the page of a memory edits all of it
    context = build_detail_context(actor, memory, form) | {"is_editing": True}
    return render(request, "memories/detail.html", context, status=status)


def _render_conflict(
    request: Request, actor: Actor, memory_id: UUID, form_class: type[EditForm]
) -> HttpResponseBase:
    """Show both texts. Saving again sends the version shown here, so a further change conflicts again."""
    memory = reads.get_memory(actor, memory_id)
    if request.htmx:
        form = _build_form(request, memory, form_class, version=memory.version)
        return _render_panel(request, memory, form, status=422, is_conflict=True)
    typed = {**get_initial_values(memory), **request.POST.dict(), "version": memory.version}
    context = {"row": MemoryRow(memory), "form": EditForm(typed, memory=memory)}
    return render(request, "memories/conflict.html", context, status=409)


def _render_panel(
    request: Request, memory: Memory, form: EditForm, *, status: int, is_conflict: bool = False
) -> HttpResponseBase:
    context = {
        "row": MemoryRow(memory),
        "memory": memory,
        "form": form,
        "save_url": request.path,
        "limit": limits.TEXT_CHARACTERS,
        "is_conflict": is_conflict,
    }
    response = render(request, "memories/_panel_form.html", context, status=status)
    return _replace_panel(response, memory.pk) if form.is_bound else response


def _replace_panel(response: HttpResponse, memory_id: UUID) -> HttpResponse:
    """Let the response replace the opened memory in its row, which a successful one replaces whole."""
    return retarget(response, f"#p-{memory_id}")


def _render_gone(request: Request, memory_id: UUID) -> HttpResponseBase:
    """Offer to save the edited text of a deleted memory as a new one."""
    data = request.POST.dict()
    form = MemoryForm(data | {"expires": "never"} if data.get("expires") == "keep" else data)
    if request.htmx:
        context = {"form": form, "limit": limits.TEXT_CHARACTERS}
        return _replace_panel(render(request, "memories/_panel_gone.html", context, status=422), memory_id)
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "is_deleted": True}
    return render(request, "memories/new.html", context, status=404)
