"""The memories' pages: translate in, call the domain, translate out. Without JavaScript, whole pages."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts.actor import Actor
from memories.errors import MemoryNotFound, VersionConflict
from memories.models import Memory, Visibility
from memories.search.near_duplicates import find_similar, has_near_duplicate
from memories.search.query import find_exact_duplicate
from memories.services import reads, writes
from memories.validation import limits
from memories.web import provenance
from memories.web.decorators import Request, add_form_errors, memory_view, redirect_back
from memories.web.forms import EditForm, ListForm, MemoryForm, parse_version
from memories.web.presenters import MemoryRow, build_rows
from memories.web.views.onboarding import get_first_steps

MAX_POLLS = 12  # how often a waiting memory asks whether it is searchable by now; then the next visit tells


# --- The trash ------------------------------------------------------------------------------------------------


@require_safe
@memory_view
def trash_list(request: Request, actor: Actor) -> HttpResponseBase:
    form = ListForm(request.GET, tags=[])
    page = reads.list_trash(actor, before=form.cursor)
    context = {"rows": build_rows(page.memories), "next": page.next, "days": settings.TRASH_DAYS}
    return render(request, "memories/_trash_rows.html" if request.htmx else "memories/trash.html", context)


# --- One memory -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def new_memory(request: Request, actor: Actor) -> HttpResponseBase:
    form = MemoryForm(request.POST if request.method == "POST" else None)
    same = _find_duplicate(request, actor, form) if form.is_valid() else None
    memory = _create_memory(actor, form) if form.is_valid() and same is None else None
    if memory is not None:
        return _render_created(request, actor, memory)
    template = "memories/_quick_add.html" if request.htmx else "memories/new.html"
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "same": same}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _find_duplicate(request: Request, actor: Actor, form: MemoryForm) -> Memory | None:
    """What says just this already, unless the person was told so and keeps both."""
    return None if "keep_both" in request.POST else find_exact_duplicate(actor, form.cleaned_data["text"])


def _create_memory(actor: Actor, form: MemoryForm) -> Memory | None:
    try:
        return writes.create_memory(actor, **form.get_values())
    except ValidationError as error:
        add_form_errors(form, error)
        return None


def _render_created(request: Request, actor: Actor, memory: Memory) -> HttpResponseBase:
    if request.htmx:
        row = MemoryRow(reads.get_memory(actor, memory.pk))
        total = reads.count_memories(actor)
        context = {"add_form": MemoryForm(), "row": row, "total": total, "limit": limits.TEXT_CHARACTERS}
        context["steps"] = get_first_steps(request, actor, total=total, rows=[row])
        return _add_toast(render(request, "memories/_memory_saved.html", context), _("Kept."))
    messages.success(request, _("Kept."))
    return redirect("memories:list")


@require_safe
@memory_view
def memory_detail(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    memory = reads.get_memory(actor, memory_id)
    form = EditForm(memory=memory) if reads.decrypt_or_none(memory) is not None else None
    before = parse_version(request.GET.get("before", ""))
    return render(request, "memories/detail.html", _build_detail_context(actor, memory, form, before=before))


@require_POST
@memory_view
def edit_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    try:
        memory = reads.get_memory(actor, memory_id)
        form = EditForm(request.POST, memory=memory)
        saved = form.is_valid() and _update_memory(actor, memory, form)
    except VersionConflict:
        return _render_conflict(request, actor, memory_id)
    except MemoryNotFound:
        return _render_gone(request)
    if saved:
        messages.success(request, _("Saved."))
        return redirect("memories:detail", memory_id)
    return render(request, "memories/detail.html", _build_detail_context(actor, memory, form), status=422)


def _update_memory(actor: Actor, memory: Memory, form: EditForm) -> bool:
    try:
        writes.update_memory(
            actor, memory.pk, expected_version=form.cleaned_data["version"], **form.get_values()
        )
    except ValidationError as error:
        add_form_errors(form, error)
        return False
    return True


def _render_conflict(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Both texts side by side. Saving again names the version shown here: a third change shows again."""
    memory = reads.get_memory(actor, memory_id)
    form = EditForm({**request.POST.dict(), "version": memory.version}, memory=memory)
    return render(request, "memories/conflict.html", {"row": MemoryRow(memory), "form": form}, status=409)


def _render_gone(request: Request) -> HttpResponseBase:
    """The memory was deleted while its text was being edited: what was typed can be kept as a new one."""
    typed = request.POST.dict()
    form = MemoryForm(typed | {"expires": "never"} if typed.get("expires") == "keep" else typed)
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "is_gone": True}
    return render(request, "memories/new.html", context, status=404)


def _build_detail_context(
    actor: Actor, memory: Memory, form: EditForm | None, *, before: int | None = None
) -> dict[str, object]:
    return {
        "row": MemoryRow(memory),
        "form": form,
        **provenance.get_provenance(actor, memory, before=before),
        "similar": [(MemoryRow(each.memory), each) for each in find_similar(actor, memory.pk)],
        "limit": limits.TEXT_CHARACTERS,
        "next_try": 1,
    }


# --- Acts -------------------------------------------------------------------------------------------------


@require_POST
@memory_view
def change_visibility(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Public becomes what the person saw, not what an app made of it since: the switch says which version that was."""
    chosen, seen = request.POST.get("visibility", ""), parse_version(request.GET.get("version", ""))
    expected = seen if chosen == Visibility.PUBLIC else None
    said = _get_publish_message(actor) if chosen == Visibility.PUBLIC else _("Private now. Only you see it.")
    say = messages.success
    try:
        writes.set_visibility(actor, memory_id, chosen, expected_version=expected)
    except ValidationError:
        return HttpResponse(_("Choose private or public."), status=422, content_type="text/plain")
    except VersionConflict:
        said, say = _("It was changed meanwhile. Look at it, and choose again."), messages.warning
    if request.htmx:
        row = MemoryRow(reads.get_memory(actor, memory_id))
        return _add_toast(render(request, "memories/_row.html", {"row": row, "next_try": 1}), said)
    say(request, said)
    return redirect_back(request, "memories:detail", memory_id)


def _get_publish_message(actor: Actor) -> str:
    if actor.person.persona_enabled:
        return _("Public now. Others can find it through your persona.")
    return _("Public now. Nobody else sees it until you turn your persona on.")


@require_safe
@memory_view
def index_status(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Whether a memory is searchable by meaning yet. A waiting row asks a few times."""
    tried = request.GET.get("try", "")
    following = int(tried) + 1 if tried.isdecimal() and int(tried) < MAX_POLLS else 0
    row = MemoryRow(reads.get_memory(actor, memory_id))
    context = {"row": row, "next_try": following, "say_ready": True}
    if row.memory.is_searchable:
        context["has_twin"] = has_near_duplicate(actor, memory_id)
    return render(request, "memories/_index_state.html", context)


@require_POST
@memory_view
def retry_indexing(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    writes.retry_indexing(actor, memory_id)
    if request.htmx:
        context = {"row": MemoryRow(reads.get_memory(actor, memory_id)), "next_try": 1, "say_ready": True}
        return render(request, "memories/_index_state.html", context)
    return redirect_back(request, "memories:detail", memory_id)


@require_POST
@memory_view
def restore_version(request: Request, actor: Actor, memory_id: UUID, version: int) -> HttpResponseBase:
    writes.restore_version(actor, memory_id, version)
    messages.success(request, _("The earlier text is back. The one before it is in the history."))
    return redirect("memories:detail", memory_id)


@require_POST
@memory_view
def trash_memory(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    memory = writes.trash_memory(actor, memory_id)
    if request.htmx:
        context = {"memory": memory, "total": reads.count_memories(actor)}
        return render(request, "memories/_moved_to_trash.html", context)
    # The id makes the message one with an Undo button (components/messages.html).
    messages.success(request, _("Moved to the trash."), extra_tags=str(memory_id))
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
    messages.success(request, _("Deleted for ever."))
    return redirect("memories:trash")


@require_POST
@memory_view
def empty_trash(request: Request, actor: Actor) -> HttpResponseBase:
    count = writes.empty_trash(actor)
    said = ngettext("%(n)d memory deleted for ever.", "%(n)d memories deleted for ever.", count) % {
        "n": count
    }
    messages.success(request, said)
    return redirect("memories:trash")


def _add_toast(response: HttpResponse, said: str) -> HttpResponse:
    return trigger_client_event(response, "toast", {"text": said})
