"""Import pages (upload, preview, start, progress, undo) and export pages."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actor import Actor
from accounts.rate_limits import RateLimitExceeded
from core.http import render_rate_limited
from core.uploads import list_uploads
from memories.errors import ImportInProgress, ImportNotFound
from memories.models import ImportBatch, ImportEndReason, ImportState
from memories.portability.exports.formats import EXPORT_FORMATS, export_memories
from memories.portability.exports.full_archive import export_everything
from memories.portability.files.archives import NamedFile
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import MAX_SECONDS_ONLINE, check_preview_rate, stage_import
from memories.portability.readers.catalog import get_kind_label
from memories.portability.readers.formats import ChatFilter
from memories.portability.readers.reasons import REASONS
from memories.web.decorators import Request, ViewParams, add_form_errors, memory_view
from memories.web.forms import RawCharField

EVERYTHING = "everything"
MAX_SHOWN_TEXT = 2_000_000  # bytes of a pasted text that are shown again with an error


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files, which `ImportForm.sources` has."""

    widget = FilesInput(attrs={"multiple": True})

    def clean(self, data: object, _initial: object = None) -> object:
        return data


class ImportForm(forms.Form):
    """Files and a pasted text to import. sources: all of them; the pasted text has no name."""

    file = FilesField(label=gettext_lazy("Files"), required=False)
    text = RawCharField(
        label=gettext_lazy("Or paste text"),
        help_text=gettext_lazy("One memory per line, for example: [2026-01-31] - I am allergic to peanuts."),
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    chats = forms.ChoiceField(
        label=gettext_lazy("Import from conversations"),
        choices=[
            (ChatFilter.MINE.value, gettext_lazy("My messages")),
            (ChatFilter.ALL.value, gettext_lazy("My messages and the answers")),
            (ChatFilter.NONE.value, gettext_lazy("Nothing, only saved memories")),
        ],
        initial=ChatFilter.MINE.value,
        required=False,
    )
    text_column = forms.CharField(label=gettext_lazy("Column with the texts"), required=False, max_length=500)

    def __init__(self, request: Request | None = None) -> None:
        if request is None:
            super().__init__()
            return
        data, files = request.POST.copy(), request.FILES.copy()
        if (pasted := files.get("text")) is not None:
            data["text"] = pasted.read(MAX_SHOWN_TEXT).decode("utf-8", "replace")
        elif text := request.POST.get("text"):
            files["text"] = UploadedFile(io.BytesIO(text.encode("utf-8", "replace")))
        if not data.get("text", "").strip():
            files.pop("text", None)
        self.sources = [NamedFile(file, name) for file, name in list_uploads(files)]
        super().__init__(data, files)

    def clean(self) -> dict[str, Any]:
        if not self.sources:
            self.add_error("file", _("Choose a file or paste text."))
        return super().clean() or self.cleaned_data


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
    form = ImportForm(request if request.method == "POST" else None)
    if form.is_valid():
        try:
            check_preview_rate(actor)
        except RateLimitExceeded as error:
            return render_rate_limited(request, error.retry_after_s)
        batch = _stage_import(actor, form)
        if batch is not None:
            return redirect("memories:import", batch.pk)
    context = {
        "form": form,
        "imports": [_build_import_context(batch) for batch in import_run.list_imports(actor)],
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
    except ImportInProgress:
        form.add_error(None, _("Another import is in progress. Finish or undo it first."))
    return None


@require_safe
@import_view
def import_detail(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    batch = import_run.get_import(actor, batch_id)
    return render(
        request, "memories/import_detail.html", {"shown": _build_import_context(batch), "batch": batch}
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
        request, "memories/_import_state.html", {"shown": _build_import_context(batch), "batch": batch}
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


def _build_import_context(batch: ImportBatch) -> dict[str, object]:
    """Return the template context of an import."""
    counts = batch.counts
    return {
        "batch": batch,
        "state": ImportState(batch.state).description,
        "format": get_kind_label(batch.format),
        "new": counts.get("new", 0),
        "changed": counts.get("changed", 0),
        "duplicate": counts.get("duplicate", 0),
        "public": counts.get("public", 0),
        "skipped": [(count, REASONS.get(code, code)) for code, count in counts.get("skipped", {}).items()],
        "count": batch.total if batch.state == ImportState.STAGED else batch.done,
        "sample": import_run.get_sample(batch),
        "is_running": batch.state == ImportState.RUNNING,
        "is_staged": batch.state == ImportState.STAGED,
        "ended_by": ImportEndReason(batch.ended_by).description if batch.ended_by else "",
        "is_done": batch.state == ImportState.DONE,
    }


# --- Export -----------------------------------------------------------------------------------------------


@require_safe
@memory_view
def export_page(request: Request, _actor: Actor) -> HttpResponseBase:
    return render(request, "memories/export.html", {"formats": EXPORT_FORMATS.values()})


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
