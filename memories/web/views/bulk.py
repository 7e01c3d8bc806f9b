"""Pages of what becomes of memories: alike ones, many at once, and their tags."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.actor import Actor
from memories.clients import activity as client_activity
from memories.errors import SelectionChanged, VersionConflict
from memories.models import Visibility
from memories.models.visibility import Filters
from memories.search import near_duplicates
from memories.services import reads, selection, tag_admin
from memories.services.selection import Selection
from memories.web.decorators import Request, memory_view, redirect_back
from memories.web.forms import BulkActionForm, ListForm
from memories.web.views.list import build_list_url

TAGS_PER_PAGE = 100  # on a page

# --- Alike ------------------------------------------------------------------------------------------------


@require_POST
@memory_view
def merge_memories(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Replace the older of two by the newer, put both texts into one, or keep both."""
    other, act = _get_posted_uuid(request, "other"), request.POST.get("act")
    if act == "keep":
        near_duplicates.dismiss_duplicate(actor, memory_id, other)
        messages.success(request, _("Both are kept. You are not asked again."))
        return redirect("memories:detail", memory_id)
    united = near_duplicates.merge_memories(actor, memory_id, other, merge=act == "merge")
    messages.success(
        request, _("One memory now. The earlier text is in its history, the other in the trash.")
    )
    return redirect("memories:detail", united.pk)


# --- Many -------------------------------------------------------------------------------------------------


@require_POST
@memory_view
def apply_bulk_action(request: Request, actor: Actor) -> HttpResponseBase:
    listed = ListForm(request.POST, tags=reads.list_tags(actor))
    form = BulkActionForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect_back(request, "memories:list")
    seen = form.cleaned_data["seen"]
    whole = form.cleaned_data["everything"]
    shown = form.cleaned_data["shown"]
    chosen = Selection(None, listed.filters, shown=shown) if whole else Selection(seen.keys(), seen=seen)
    try:
        if whole and form.cleaned_data["act"] == "publish" and not shown:
            return _confirm_publish_all(request, actor, chosen, listed)
        return _BULK_ACTIONS[form.cleaned_data["act"]](request, actor, chosen, form.cleaned_data)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except VersionConflict:
        messages.warning(request, _("One of them was changed meanwhile. Look at them, and choose again."))
    except SelectionChanged:
        messages.warning(
            request, _("Some of them came or were changed meanwhile. Look again, and choose then.")
        )
    return redirect_back(request, "memories:list")


def _confirm_publish_all(
    request: Request, actor: Actor, chosen: Selection, listed: ListForm
) -> HttpResponseBase:
    """Nobody has seen all that match: what would be public is said, and a yes to that is asked for."""
    would = selection.preview_publish(actor, chosen)
    if not would.count:
        return _report_changed_count(request, 0)
    context = {
        "would": would,
        "texts": [text for text in map(reads.decrypt_or_none, would.newest) if text],
        "address": listed.get_url_params(),
        "page_url": build_list_url(listed),
    }
    return render(request, "memories/confirm_publish.html", context)


def _trash_selection(
    request: Request, actor: Actor, chosen: Selection, _given: dict[str, object]
) -> HttpResponseBase:
    count, moment = selection.trash_selection(actor, chosen)
    if moment is None:
        return _report_changed_count(request, count)
    return redirect(
        f"{reverse('memories:list')}?{urlencode({'trashed': str(count), 'at': moment.isoformat()})}"
    )


def _tag_selection(
    request: Request, actor: Actor, chosen: Selection, given: dict[str, Any]
) -> HttpResponseBase:
    return _report_changed_count(request, selection.tag_selection(actor, chosen, given["tag_name"]))


def _untag_selection(
    request: Request, actor: Actor, chosen: Selection, given: dict[str, Any]
) -> HttpResponseBase:
    return _report_changed_count(request, selection.untag_selection(actor, chosen, given["tag_name"]))


def _expire_selection(
    request: Request, actor: Actor, chosen: Selection, given: dict[str, Any]
) -> HttpResponseBase:
    return _report_changed_count(request, selection.set_selection_expiry(actor, chosen, given["expires_at"]))


def _publish_selection(
    request: Request, actor: Actor, chosen: Selection, _given: dict[str, object]
) -> HttpResponseBase:
    return _report_changed_count(
        request, selection.set_selection_visibility(actor, chosen, Visibility.PUBLIC)
    )


def _unpublish_selection(
    request: Request, actor: Actor, chosen: Selection, _given: dict[str, object]
) -> HttpResponseBase:
    return _report_changed_count(
        request, selection.set_selection_visibility(actor, chosen, Visibility.PRIVATE)
    )


_BULK_ACTIONS: dict[str, Callable[[Request, Actor, Selection, dict[str, object]], HttpResponseBase]] = {
    "trash": _trash_selection,
    "tag": _tag_selection,
    "untag": _untag_selection,
    "expire": _expire_selection,
    "publish": _publish_selection,
    "unpublish": _unpublish_selection,
}


@require_POST
@memory_view
def restore_many(request: Request, actor: Actor) -> HttpResponseBase:
    count = selection.restore_trashed_selection(actor, _get_posted_datetime(request, "at"))
    messages.success(request, ngettext("%(n)d restored.", "%(n)d restored.", count) % {"n": count})
    return redirect("memories:list")


def _report_changed_count(request: Request, count: int) -> HttpResponseBase:
    said = ngettext("%(n)d memory changed.", "%(n)d memories changed.", count) % {"n": count}
    messages.success(request, said)
    return redirect_back(request, "memories:list")


# --- Tags -------------------------------------------------------------------------------------------------


@require_safe
@memory_view
def tag_list(request: Request, actor: Actor) -> HttpResponseBase:
    counts = client_activity.count_memories_by_tag(actor)
    rows = [(tag, counts.get(tag.pk, 0)) for tag in reads.list_tags(actor)]
    shown = Paginator(rows, TAGS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "memories/tags.html", {"rows": shown})


@require_safe
@memory_view
def tag_detail(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    """One tag, to be changed on all its memories."""
    known = reads.list_tags(actor)
    chosen = next((each for each in known if each.pk == tag_id), None)
    if chosen is None:
        raise Http404
    count = reads.count_memories(actor, Filters(tags_all=frozenset({tag_id})))
    return render(request, "memories/tag.html", {"tag": chosen, "count": count, "known": known})


@require_POST
@memory_view
def rename_tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    try:
        tag = tag_admin.rename_tag(actor, tag_id, request.POST.get("name", ""), may_merge=True)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("memories:tag", tag_id)
    said = _("The tag is “%(name)s” now.") if tag.pk == tag_id else _("Both tags are “%(name)s” now.")
    messages.success(request, said % {"name": tag.name})
    return redirect("memories:tags")


@require_POST
@memory_view
def remove_tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    count = tag_admin.remove_tag(actor, tag_id)
    said = ngettext("Taken off %(n)d memory.", "Taken off %(n)d memories.", count) % {"n": count}
    messages.success(request, said)
    return redirect("memories:tags")


def _get_posted_datetime(request: Request, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(request.POST.get(name, ""))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Http404


def _get_posted_uuid(request: Request, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise Http404 from None
