"""Import pages (upload, preview, start, progress, undo) and export pages."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actor import Actor
from memories.errors import ImportInProgress, ImportNotFound
from memories.models import ImportBatch
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.exports.full_archive import export_everything
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import MAX_SECONDS_ONLINE, check_preview_rate, stage_import
from memories.portability.readers.formats import ChatFilter
from memories.services import reads
from memories.web.decorators import Request, ViewParams, add_form_errors, memory_view
from memories.web.import_forms import ImportForm, build_import_context, build_preview_context
from memories.web.import_sources import IMPORT_SOURCES, MORE_IMPORT_SOURCES

EVERYTHING = "everything"


def import_view(
    view: Callable[Concatenate[Request, Actor, ViewParams], HttpResponseBase],
) -> Callable[Concatenate[Request, ViewParams], HttpResponseBase]:
    """Like `memory_view`, with 404 if the user has no such import."""

    @wraps(view)
    def wrapped(
        request: Request, actor: Actor, /, *args: ViewParams.args, **kwargs: ViewParams.kwargs
    ) -> HttpResponseBase:
        try:
            return view(request, actor, *args, **kwargs)
        except ImportNotFound:
            raise Http404 from None

    return memory_view(wrapped)


# --- Import -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def import_page(request: Request, actor: Actor) -> HttpResponseBase:
    form = ImportForm(request)
    if form.is_valid():
        check_preview_rate(actor)
        batch = _stage_import(actor, form)
        if batch is not None:
            return redirect("memories:import", batch.pk)
    context = {
        "form": form,
        "imports": [build_import_context(batch) for batch in import_run.list_imports(actor)],
        "sources": IMPORT_SOURCES,
        "more_sources": MORE_IMPORT_SOURCES,
    }
    return render(request, "memories/import.html", context, status=422 if form.errors else 200)


def _stage_import(actor: Actor, form: ImportForm) -> ImportBatch | None:
    try:
        return stage_import(
            actor,
            form.sources,
            chats=ChatFilter(form.cleaned_data["chats"] or ChatFilter.MINE),
            text_column=form.cleaned_data["text_column"],
            seconds=MAX_SECONDS_ONLINE,
        )
    except ValidationError as error:
        add_form_errors(form, error)
        form.offer_columns(error)
    except ImportInProgress:
        form.add_error(None, _describe_running_import(actor))
    return None


def _describe_running_import(actor: Actor) -> str:
    """Return the error, which leads to the import if it is there: one that is being read has no page yet."""
    text = _("Another import is in progress. Finish or undo it first.")
    running = next((batch for batch in import_run.list_imports(actor) if batch.is_open), None)
    if running is None:
        return text
    return format_html('<a href="{}">{}</a>', reverse("memories:import", args=[running.pk]), text)


@require_safe
@import_view
def import_detail(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    batch = import_run.get_import(actor, batch_id)
    return render(
        request, "memories/import_detail.html", {"shown": build_preview_context(batch), "batch": batch}
    )


@require_POST
@import_view
def start_import(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    try:
        import_run.start_import(actor, batch_id, publish=request.POST.get("publish") == "yes")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("memories:import", batch_id)


@require_POST
@import_view
def advance_import(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    """Import the next part. The open page repeats this request until the import is done."""
    batch = import_run.advance_import(actor, batch_id)
    if not request.htmx:
        return redirect("memories:import", batch_id)
    return render(
        request, "memories/_import_state.html", {"shown": build_preview_context(batch), "batch": batch}
    )


@require_POST
@import_view
def undo_import(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    import_run.undo_import(actor, batch_id)
    messages.success(
        request,
        _("Import undone. New memories are in the trash. Changes were reverted, unless edited since."),
    )
    return redirect("memories:import", batch_id)


@require_POST
@import_view
def discard_import(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    import_run.discard_import(actor, batch_id)
    messages.success(request, _("Nothing was imported."))
    return redirect("memories:bring")


# --- Export -----------------------------------------------------------------------------------------------


@require_safe
@memory_view
def export_page(request: Request, actor: Actor) -> HttpResponseBase:
    context = {"formats": EXPORT_FORMATS.values(), "has_memories": reads.count_memories(actor) > 0}
    return render(request, "memories/export.html", context)


@require_POST
@memory_view
def download_export(_request: Request, actor: Actor, form: str) -> HttpResponseBase:
    try:
        exported = export_everything(actor) if form == EVERYTHING else export_memories(actor, form)
    except ValidationError:
        raise Http404 from None
    response = StreamingHttpResponse(exported.chunks, content_type=exported.media_type)
    response["Content-Disposition"] = f'attachment; filename="{exported.filename}"'
    return response
