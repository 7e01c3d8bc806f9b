"""Moving in and out: bring something, look at what it would do, say yes, watch, undo; and take everything along."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actor import Actor
from accounts.throttling import LimitReached
from memories.errors import ImportNotFound, ImportUnderWay
from memories.import_models import EndedBy, ImportBatch, ImportState
from memories.portability import importing
from memories.portability.chats import Chats
from memories.portability.everything import export_everything
from memories.portability.exporting import FORMS, export
from memories.portability.items import REASONS
from memories.portability.recognise import FORMATS
from memories.portability.staging import SECONDS_ONLINE, may_look, stage
from memories.web.answers import Given, Request, add_errors, memory_page, too_many
from memories.web.forms import Typed

EVERYTHING = "everything"


class ImportForm(forms.Form):
    """A file or a text."""

    file = forms.FileField(label=gettext_lazy("A file"), required=False, allow_empty_file=True)
    text = Typed(
        label=gettext_lazy("Or pasted text"),
        help_text=gettext_lazy("A line each, such as: [2026-01-31] - I am allergic to peanuts."),
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    chats = forms.ChoiceField(
        label=gettext_lazy("Of conversations in it"),
        choices=[
            (Chats.MINE.value, gettext_lazy("what I wrote")),
            (Chats.ALL.value, gettext_lazy("what I wrote, and the answers")),
            (Chats.NONE.value, gettext_lazy("nothing, only memories")),
        ],
        initial=Chats.MINE.value,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _(
            "A zip from ChatGPT or Claude, notes as a zip, JSON, CSV or text; up to %(size)s."
        ) % {"size": f"{settings.MAX_IMPORT_BYTES / 1_000_000:,.0f} MB"}

    def given(self) -> Any:
        """The file to be read. Raises ValidationError where there is neither."""
        if (uploaded := self.cleaned_data.get("file")) is not None:
            return uploaded.file
        if not (text := self.cleaned_data["text"]).strip():
            raise ValidationError({"file": _("Choose a file, or paste some text.")})
        return io.BytesIO(text.encode("utf-8", "replace"))


def import_page(
    view: Callable[Concatenate[Request, Actor, Given], HttpResponseBase],
) -> Callable[Concatenate[Request, Given], HttpResponseBase]:
    """A page about one import; 404 where there is none for this person."""

    @wraps(view)
    def answered(
        request: Request, actor: Actor, /, *args: Given.args, **kwargs: Given.kwargs
    ) -> HttpResponseBase:
        try:
            return view(request, actor, *args, **kwargs)
        except ImportNotFound:
            raise Http404 from None

    return memory_page(answered)


# --- In ---------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@memory_page
def bring(request: Request, actor: Actor) -> HttpResponseBase:
    form = (
        ImportForm(request.POST or None, request.FILES or None) if request.method == "POST" else ImportForm()
    )
    if form.is_valid():
        try:
            may_look(actor)
        except LimitReached as reached:
            return too_many(request, reached)
        batch = _staged(actor, form)
        if batch is not None:
            return redirect("memories:import", batch.pk)
    context = {"form": form, "imports": [_shown(batch) for batch in importing.list_imports(actor)]}
    return render(request, "memories/import.html", context, status=422 if form.errors else 200)


def _staged(actor: Actor, form: ImportForm) -> ImportBatch | None:
    try:
        chats = Chats(form.cleaned_data["chats"] or Chats.MINE)
        return stage(actor, form.given(), chats=chats, seconds=SECONDS_ONLINE)
    except ValidationError as error:
        add_errors(form, error)
    except ImportUnderWay:
        form.add_error(
            None,
            _("Another import is under way or looked at. Let it end, or undo it, first. Nothing is lost."),
        )
    return None


@require_safe
@import_page
def one_import(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    batch = importing.get_import(actor, batch_id)
    return render(request, "memories/import_detail.html", {"shown": _shown(batch), "batch": batch})


@require_POST
@import_page
def start(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    try:
        importing.start(actor, batch_id, publish=request.POST.get("publish") == "yes")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("memories:import", batch_id)


@require_POST
@import_page
def go_on(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    """Brings some more; the page asks again and again while it is open, and later where it was closed."""
    batch = importing.advance(actor, batch_id)
    if not request.htmx:
        return redirect("memories:import", batch_id)
    return render(request, "memories/_import_state.html", {"shown": _shown(batch), "batch": batch})


@require_POST
@import_page
def undo(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    importing.undo(actor, batch_id)
    messages.success(
        request,
        _(
            "Undone. What came is in the trash; what it changed is as it was, unless it was changed again since."
        ),
    )
    return redirect("memories:import", batch_id)


@require_POST
@import_page
def discard(request: Request, actor: Actor, batch_id: UUID) -> HttpResponseBase:
    importing.discard(actor, batch_id)
    messages.success(request, _("Nothing was imported."))
    return redirect("memories:bring")


def _shown(batch: ImportBatch) -> dict[str, Any]:
    """An import in the words of a page."""
    counts = batch.counts
    return {
        "batch": batch,
        "format": FORMATS[batch.format].label if batch.format in FORMATS else batch.format,
        "new": counts.get("new", 0),
        "changed": counts.get("changed", 0),
        "duplicate": counts.get("duplicate", 0),
        "public": counts.get("public", 0),
        "skipped": [(count, REASONS.get(code, code)) for code, count in counts.get("skipped", {}).items()],
        "count": batch.total if batch.state == ImportState.STAGED else batch.done,
        "sample": importing.sample_of(batch),
        "is_running": batch.state == ImportState.RUNNING,
        "is_staged": batch.state == ImportState.STAGED,
        "ended_by": EndedBy(batch.ended_by).label if batch.ended_by else "",
        "is_done": batch.state == ImportState.DONE,
    }


# --- Out --------------------------------------------------------------------------------------------------


@require_safe
@memory_page
def take(request: Request, _actor: Actor) -> HttpResponseBase:
    return render(request, "memories/export.html", {"forms": FORMS.values()})


@require_POST
@memory_page
def download(_request: Request, actor: Actor, form: str) -> HttpResponseBase:
    try:
        exported = export_everything(actor) if form == EVERYTHING else export(actor, form)
    except ValidationError:
        raise Http404 from None
    response = StreamingHttpResponse(exported.chunks, content_type=exported.media_type)
    response["Content-Disposition"] = f'attachment; filename="{exported.filename}"'
    return response
