"""Pages of a single memory and of the trash. Every action also works without JavaScript."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts.actor import Actor
from memories.errors import VersionConflict
from memories.models import Memory, Visibility
from memories.search.exact_duplicates import find_exact_duplicate, merge_into_duplicate
from memories.search.near_duplicates import SimilarMemory, find_similar
from memories.services import reads, writes
from memories.validation import limits
from memories.web import provenance
from memories.web.decorators import Request, add_form_errors, memory_view, redirect_back
from memories.web.forms import EditForm, MemoryForm, parse_count, parse_version
from memories.web.list_form import ListForm
from memories.web.presenters import MemoryRow, SimilarRow, build_rows
from memories.web.row_html import render_row
from memories.web.views.onboarding import get_first_steps
from memories.web.views.supersession import build_link_context, get_older_row

MAX_POLLS = 12  # of the index state of a new memory; then the next page load shows it


# --- Trash ----------------------------------------------------------------------------------------------------


@require_safe
@memory_view
def trash_list(request: Request, actor: Actor) -> HttpResponseBase:
    form = ListForm(request.GET)
    page = reads.list_trash(actor, before=form.cursor)
    context = {"rows": build_rows(page.memories), "next": page.next, "days": settings.TRASH_DAYS}
    return render(request, "memories/_trash_rows.html" if request.htmx else "memories/trash.html", context)


# --- One memory -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def new_memory(request: Request, actor: Actor) -> HttpResponseBase:
    initial = {"supersedes": request.GET.get("supersedes")}
    form = MemoryForm(request.POST if request.method == "POST" else None, initial=initial)
    duplicate = _find_duplicate(request, actor, form) if form.is_valid() else None
    if duplicate is not None and _may_merge(request) and _merge_into_duplicate(actor, duplicate, form):
        return _render_merged(request, actor, duplicate)
    memory = _create_memory(actor, form) if form.is_valid() and duplicate is None else None
    if memory is not None:
        return _render_created(request, actor, memory)
    template = "memories/_unsent_reason.html" if request.htmx else "memories/new.html"
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "duplicate": duplicate}
    context["older"] = get_older_row(actor, form["supersedes"].value())
    return render(request, template, context, status=422 if form.is_bound else 200)


def _may_merge(request: Request) -> bool:
    """Return whether the user chose to, or sends a text again whose first answer never arrived."""
    return "merge" in request.POST or "retry" in request.POST


def _find_duplicate(request: Request, actor: Actor, form: MemoryForm) -> Memory | None:
    """Return a memory with the same text, unless the user chose to save both."""
    return None if "keep_both" in request.POST else find_exact_duplicate(actor, form.cleaned_data["text"])


def _merge_into_duplicate(actor: Actor, duplicate: Memory, form: MemoryForm) -> bool:
    values = form.get_values()
    try:
        merge_into_duplicate(
            actor,
            duplicate,
            tags=values["tags"],
            expires_at=values["expires_at"],
            supersedes=values["supersedes"],
        )
    except ValidationError as error:
        add_form_errors(form, error)
        return False
    return True


def _create_memory(actor: Actor, form: MemoryForm) -> Memory | None:
    try:
        return writes.create_memory(actor, **form.get_values())
    except ValidationError as error:
        add_form_errors(form, error)
        return None


def _render_merged(request: Request, actor: Actor, duplicate: Memory) -> HttpResponseBase:
    message = _("Saved in the memory that you already had.")
    if request.htmx:
        is_retry = "merge" not in request.POST
        return _render_saved_row(
            request, actor, duplicate, message="" if is_retry else message, is_merged=True
        )
    messages.success(request, message)
    return redirect("memories:detail", duplicate.pk)


def _render_created(request: Request, actor: Actor, memory: Memory) -> HttpResponseBase:
    if request.htmx:
        return _render_saved_row(request, actor, memory)
    messages.success(request, _("Saved."))
    return redirect("memories:list")


def _render_saved_row(
    request: Request, actor: Actor, memory: Memory, *, message: str = "", is_merged: bool = False
) -> HttpResponseBase:
    """Render the row of a memory from quick add, and say how many were saved in quick succession."""
    row = MemoryRow(reads.get_memory(actor, memory.pk))
    total = reads.count_memories(actor)
    context = {"row": row, "total": total, "is_merged": is_merged}
    context["steps"] = get_first_steps(request, actor, total=total, rows=[row])
    response = render(request, "memories/_memory_saved.html", context)
    if message:
        return _add_toast(response, message)
    count = 1 + (parse_count(request.POST.get("saved_before", "")) or 0)
    message = ngettext("Saved %(n)d memory.", "Saved %(n)d memories.", count) % {"n": count}
    return trigger_client_event(response, "toast", {"text": message, "count": count})


@require_safe
@memory_view
def memory_detail(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    memory = reads.get_memory(actor, memory_id)
    if request.htmx:  # opened in the list
        context = {"row": MemoryRow(memory), "memory": memory}
        return render(request, "memories/_panel.html", context)
    form = EditForm(memory=memory) if reads.decrypt_or_none(memory) is not None else None
    before = parse_version(request.GET.get("before", ""))
    context = build_detail_context(actor, memory, form, before=before)
    context |= build_link_context(actor, memory, limits.clean_query(request.GET.get("find", "")))
    return render(request, "memories/detail.html", context)


def build_detail_context(
    actor: Actor, memory: Memory, form: EditForm | None, *, before: int | None = None
) -> dict[str, object]:
    linked = {link.id for link in (memory.superseded, memory.superseded_by) if link}
    near = [similar for similar in find_similar(actor, memory.pk) if similar.memory.pk not in linked]
    return {
        "row": MemoryRow(memory),
        "form": form,
        **provenance.get_provenance(actor, memory, before=before),
        **build_link_context(actor, memory),
        "similar": [(SimilarRow(similar.memory, update=similar.update), similar) for similar in near],
        "limit": limits.TEXT_CHARACTERS,
        "next_try": 1,
    }


# --- Actions ----------------------------------------------------------------------------------------------


@require_POST
@memory_view
def change_visibility(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Change the visibility. Only the version that the user saw becomes public, not a later edit by an app."""
    visibility = request.POST.get("visibility", "")
    seen_version = parse_version(request.GET.get("version", ""))
    is_public = visibility == Visibility.PUBLIC
    message = _get_publish_message(actor) if is_public else _get_unpublish_message()
    add_message = messages.success
    try:
        expected_version = seen_version if is_public else None
        writes.set_visibility(actor, memory_id, visibility, expected_version=expected_version)
    except ValidationError:
        return HttpResponse(_("Choose private or public."), status=422, content_type="text/plain")
    except VersionConflict:
        message = _("This memory was changed in the meantime. Check it, then choose again.")
        add_message = messages.warning
    if request.htmx:
        row = MemoryRow(reads.get_memory(actor, memory_id))
        html = render_row(row, open_id=memory_id if "open" in request.GET else None)
        return _add_toast(HttpResponse(html), message)
    add_message(request, message)
    return redirect_back(request, "memories:detail", memory_id)


def _get_unpublish_message() -> str:
    return _("Now private. Only you and your connected apps can read it.")


def _get_publish_message(actor: Actor) -> str:
    if actor.person.persona_enabled:
        return _("Now public. Others can find it through your persona.")
    return _("Now public. Nobody else can see it until you turn on your persona.")


@require_safe
@memory_view
def index_status(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Render whether a memory is indexed, with a further poll while it is not."""
    attempt = request.GET.get("try", "")
    next_attempt = int(attempt) + 1 if attempt.isdecimal() and int(attempt) < MAX_POLLS else 0
    row = MemoryRow(reads.get_memory(actor, memory_id))
    context = {"row": row, "next_try": next_attempt, "show_indexed": True}
    if row.memory.is_searchable:
        similar = find_similar(actor, memory_id)
        update = next((MemoryRow(each.memory) for each in similar if _is_replaced_by(memory_id, each)), None)
        context |= {"update": update, "has_duplicate": any(each.is_same for each in similar)}
    return render(request, "memories/_index_state.html", context)


def _is_replaced_by(memory_id: UUID, other: SimilarMemory) -> bool:
    return other.update is not None and other.update.newer_id == memory_id


@require_POST
@memory_view
def retry_indexing(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    writes.retry_indexing(actor, memory_id)
    if request.htmx:
        context = {"row": MemoryRow(reads.get_memory(actor, memory_id)), "next_try": 1, "show_indexed": True}
        return render(request, "memories/_index_state.html", context)
    return redirect_back(request, "memories:detail", memory_id)


@require_POST
@memory_view
def restore_version(request: Request, actor: Actor, memory_id: UUID, version: int) -> HttpResponseBase:
    writes.restore_version(actor, memory_id, version)
    messages.success(request, _("Version restored. The previous text is in the history."))
    return redirect("memories:detail", memory_id)


@require_POST
@memory_view
def trash_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    memory = writes.trash_memory(actor, memory_id)
    if request.htmx:
        context = {"memory": memory, "total": reads.count_memories(actor)}
        return render(request, "memories/_moved_to_trash.html", context)
    # The URL adds an Undo button to the message (components/messages.html).
    undo_url = reverse("memories:restore", args=[memory_id])
    messages.success(request, _("Moved to trash."), extra_tags=undo_url)
    return redirect("memories:list")


@require_POST
@memory_view
def restore_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    writes.restore_memory(actor, memory_id)
    if request.htmx:
        context = {"row": MemoryRow(reads.get_memory(actor, memory_id)), "total": reads.count_memories(actor)}
        in_trash = request.POST.get("from") == "trash"
        return render(
            request,
            "memories/_restored_in_trash.html" if in_trash else "memories/_restored_in_list.html",
            context,
        )
    messages.success(request, _("Restored."))
    return redirect_back(request, "memories:list")


@require_POST
@memory_view
def delete_permanently(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    writes.delete_memory(actor, memory_id)
    messages.success(request, _("Deleted permanently."))
    return redirect("memories:trash")


@require_POST
@memory_view
def empty_trash(request: Request, actor: Actor) -> HttpResponseBase:
    count = writes.empty_trash(actor)
    message = ngettext("%(n)d memory deleted permanently.", "%(n)d memories deleted permanently.", count)
    messages.success(request, message % {"n": count})
    return redirect("memories:trash")


def _add_toast(response: HttpResponse, message: str) -> HttpResponse:
    return trigger_client_event(response, "toast", {"text": message})
