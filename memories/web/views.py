"""The memories' pages: translate in, call the domain, translate out. Without JavaScript, whole pages."""

from typing import Any
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
from memories import limits, queries, services
from memories.errors import MemoryNotFound, VersionConflict
from memories.models import Memory, Visibility
from memories.search import find_same
from memories.similar import means_the_same, similar_to
from memories.web import provenance
from memories.web.answers import Request, add_errors, back, memory_page
from memories.web.first_steps import first_steps
from memories.web.forms import EditForm, ListForm, MemoryForm, version_of
from memories.web.rows import Row, rows_of

POLLS = 12  # how often a waiting memory asks whether it is searchable by now; then the next visit tells


# --- The trash ------------------------------------------------------------------------------------------------


@require_safe
@memory_page
def trash(request: Request, actor: Actor) -> HttpResponseBase:
    form = ListForm(request.GET, tags=[])
    page = queries.list_trash(actor, before=form.cursor)
    context = {"rows": rows_of(page.memories), "next": page.next, "days": settings.TRASH_DAYS}
    return render(request, "memories/_trash_rows.html" if request.htmx else "memories/trash.html", context)


# --- One memory -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@memory_page
def new(request: Request, actor: Actor) -> HttpResponseBase:
    form = MemoryForm(request.POST if request.method == "POST" else None)
    same = _same(request, actor, form) if form.is_valid() else None
    memory = _create(actor, form) if form.is_valid() and same is None else None
    if memory is not None:
        return _kept(request, actor, memory)
    template = "memories/_quick_add.html" if request.htmx else "memories/new.html"
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "same": same}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _same(request: Request, actor: Actor, form: MemoryForm) -> Memory | None:
    """What says just this already, unless the person was told so and keeps both."""
    return None if "keep_both" in request.POST else find_same(actor, form.cleaned_data["text"])


def _create(actor: Actor, form: MemoryForm) -> Memory | None:
    try:
        return services.create_memory(actor, **form.values())
    except ValidationError as error:
        add_errors(form, error)
        return None


def _kept(request: Request, actor: Actor, memory: Memory) -> HttpResponseBase:
    if request.htmx:
        row = Row(queries.get_memory(actor, memory.pk))
        total = queries.count_memories(actor)
        context = {"add_form": MemoryForm(), "row": row, "total": total, "limit": limits.TEXT_CHARACTERS}
        context["steps"] = first_steps(request, actor, total=total, rows=[row])
        return _with_toast(render(request, "memories/_memory_saved.html", context), _("Kept."))
    messages.success(request, _("Kept."))
    return redirect("memories:list")


@require_safe
@memory_page
def detail(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    memory = queries.get_memory(actor, memory_id)
    form = EditForm(memory=memory) if queries.opened(memory) is not None else None
    before = version_of(request.GET.get("before", ""))
    return render(request, "memories/detail.html", _detail(actor, memory, form, before=before))


@require_POST
@memory_page
def edit(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    try:
        memory = queries.get_memory(actor, memory_id)
        form = EditForm(request.POST, memory=memory)
        saved = form.is_valid() and _update(actor, memory, form)
    except VersionConflict:
        return _conflict(request, actor, memory_id)
    except MemoryNotFound:
        return _gone(request)
    if saved:
        messages.success(request, _("Saved."))
        return redirect("memories:detail", memory_id)
    return render(request, "memories/detail.html", _detail(actor, memory, form), status=422)


def _update(actor: Actor, memory: Memory, form: EditForm) -> bool:
    try:
        services.update_memory(
            actor, memory.pk, expected_version=form.cleaned_data["version"], **form.values()
        )
    except ValidationError as error:
        add_errors(form, error)
        return False
    return True


def _conflict(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Both texts side by side. Saving again names the version shown here: a third change shows again."""
    memory = queries.get_memory(actor, memory_id)
    form = EditForm({**request.POST.dict(), "version": memory.version}, memory=memory)
    return render(request, "memories/conflict.html", {"row": Row(memory), "form": form}, status=409)


def _gone(request: Request) -> HttpResponseBase:
    """The memory was deleted while its text was being edited: what was typed can be kept as a new one."""
    typed = request.POST.dict()
    form = MemoryForm(typed | {"expires": "never"} if typed.get("expires") == "keep" else typed)
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "is_gone": True}
    return render(request, "memories/new.html", context, status=404)


def _detail(
    actor: Actor, memory: Memory, form: EditForm | None, *, before: int | None = None
) -> dict[str, Any]:
    return {
        "row": Row(memory),
        "form": form,
        **provenance.of_memory(actor, memory, before=before),
        "similar": [(Row(each.memory), each) for each in similar_to(actor, memory.pk)],
        "limit": limits.TEXT_CHARACTERS,
        "next_try": 1,
    }


# --- Acts -------------------------------------------------------------------------------------------------


@require_POST
@memory_page
def visibility(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Public becomes what the person saw, not what an app made of it since: the switch says which version that was."""
    chosen, seen = request.POST.get("visibility", ""), version_of(request.GET.get("version", ""))
    expected = seen if chosen == Visibility.PUBLIC else None
    said = _published(actor) if chosen == Visibility.PUBLIC else _("Private now. Only you see it.")
    say = messages.success
    try:
        services.set_visibility(actor, memory_id, chosen, expected_version=expected)
    except ValidationError:
        return HttpResponse(_("Choose private or public."), status=422, content_type="text/plain")
    except VersionConflict:
        said, say = _("It was changed meanwhile. Look at it, and choose again."), messages.warning
    if request.htmx:
        row = Row(queries.get_memory(actor, memory_id))
        return _with_toast(render(request, "memories/_row.html", {"row": row, "next_try": 1}), said)
    say(request, said)
    return back(request, "memories:detail", memory_id)


def _published(actor: Actor) -> str:
    if actor.person.persona_enabled:
        return _("Public now. Others can find it through your persona.")
    return _("Public now. Nobody else sees it until you turn your persona on.")


@require_safe
@memory_page
def state(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Whether a memory is searchable by meaning yet. A waiting row asks a few times."""
    tried = request.GET.get("try", "")
    following = int(tried) + 1 if tried.isdecimal() and int(tried) < POLLS else 0
    row = Row(queries.get_memory(actor, memory_id))
    context = {"row": row, "next_try": following, "say_ready": True}
    if row.memory.is_searchable:
        context["has_twin"] = means_the_same(actor, memory_id)
    return render(request, "memories/_index_state.html", context)


@require_POST
@memory_page
def retry(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    services.retry_indexing(actor, memory_id)
    if request.htmx:
        context = {"row": Row(queries.get_memory(actor, memory_id)), "next_try": 1, "say_ready": True}
        return render(request, "memories/_index_state.html", context)
    return back(request, "memories:detail", memory_id)


@require_POST
@memory_page
def restore_version(request: Request, actor: Actor, memory_id: UUID, version: int) -> HttpResponseBase:
    services.restore_version(actor, memory_id, version)
    messages.success(request, _("The earlier text is back. The one before it is in the history."))
    return redirect("memories:detail", memory_id)


@require_POST
@memory_page
def delete(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    memory = services.trash_memory(actor, memory_id)
    if request.htmx:
        context = {"memory": memory, "total": queries.count_memories(actor)}
        return render(request, "memories/_moved_to_trash.html", context)
    # The id makes the message one with an Undo button (components/messages.html).
    messages.success(request, _("Moved to the trash."), extra_tags=str(memory_id))
    return redirect("memories:list")


@require_POST
@memory_page
def restore(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    services.restore_memory(actor, memory_id)
    if request.htmx:
        context = {"row": Row(queries.get_memory(actor, memory_id)), "total": queries.count_memories(actor)}
        in_trash = request.POST.get("from") == "trash"
        return render(
            request,
            "memories/_restored_in_trash.html" if in_trash else "memories/_restored_in_list.html",
            context,
        )
    messages.success(request, _("Restored."))
    return back(request, "memories:list")


@require_POST
@memory_page
def destroy(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    services.delete_memory(actor, memory_id)
    messages.success(request, _("Deleted for ever."))
    return redirect("memories:trash")


@require_POST
@memory_page
def empty_trash(request: Request, actor: Actor) -> HttpResponseBase:
    count = services.empty_trash(actor)
    said = ngettext("%(n)d memory deleted for ever.", "%(n)d memories deleted for ever.", count) % {
        "n": count
    }
    messages.success(request, said)
    return redirect("memories:trash")


def _with_toast(response: HttpResponse, said: str) -> HttpResponse:
    return trigger_client_event(response, "toast", {"text": said})
