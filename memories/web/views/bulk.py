"""Pages to merge similar memories, change many memories at once and manage tags."""

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
from memories.services.tags import load_tags, rank_used_tags
from memories.web.decorators import Request, memory_view, redirect_back
from memories.web.forms import BulkActionForm
from memories.web.list_form import ListForm
from memories.web.views.list import build_list_url

TAGS_PER_PAGE = 100

# --- Similar memories -------------------------------------------------------------------------------------


@require_POST
@memory_view
def merge_memories(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Replace the older memory's text, merge both texts, or keep both memories."""
    other_id, action = _get_posted_uuid(request, "other"), request.POST.get("act")
    if action == "keep":
        near_duplicates.dismiss_duplicate(actor, memory_id, other_id)
        messages.success(request, _("Both memories kept. Picard won't ask again."))
        return redirect("memories:detail", memory_id)
    merged = near_duplicates.merge_memories(actor, memory_id, other_id, merge=action == "merge")
    messages.success(
        request, _("Memories merged. The previous text is in the history, the other memory is in the trash.")
    )
    return redirect("memories:detail", merged.pk)


# --- Bulk actions -----------------------------------------------------------------------------------------


@require_POST
@memory_view
def apply_bulk_action(request: Request, actor: Actor) -> HttpResponseBase:
    list_form = ListForm(request.POST)
    form = BulkActionForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect_back(request, "memories:list")
    seen = form.cleaned_data["seen"]
    everything = form.cleaned_data["everything"]
    shown = form.cleaned_data["shown"]
    selected = (
        Selection(None, list_form.filters, shown=shown) if everything else Selection(seen.keys(), seen=seen)
    )
    try:
        if everything and form.cleaned_data["act"] == "publish" and not shown:
            return _confirm_publish_all(request, actor, selected, list_form)
        return _BULK_ACTIONS[form.cleaned_data["act"]](request, actor, selected, form.cleaned_data)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except VersionConflict:
        messages.warning(request, _("A selected memory was changed in the meantime. Check and select again."))
    except SelectionChanged:
        messages.warning(
            request, _("Memories were added or changed in the meantime. Check and select again.")
        )
    return redirect_back(request, "memories:list")


def _confirm_publish_all(
    request: Request, actor: Actor, selected: Selection, list_form: ListForm
) -> HttpResponseBase:
    """Ask for confirmation, because the user has not seen every matching memory."""
    preview = selection.preview_publish(actor, selected)
    if not preview.count:
        return _report_changed_count(request, 0)
    context = {
        "preview": preview,
        "texts": [text for text in map(reads.decrypt_or_none, preview.newest) if text],
        "address": list_form.get_url_params(),
        "page_url": build_list_url(list_form),
    }
    return render(request, "memories/confirm_publish.html", context)


def _trash_selection(
    request: Request, actor: Actor, selected: Selection, _data: dict[str, object]
) -> HttpResponseBase:
    count, moment = selection.trash_selection(actor, selected)
    if moment is None:
        return _report_changed_count(request, count)
    return redirect(
        f"{reverse('memories:list')}?{urlencode({'trashed': str(count), 'at': moment.isoformat()})}"
    )


def _tag_selection(
    request: Request, actor: Actor, selected: Selection, data: dict[str, Any]
) -> HttpResponseBase:
    return _report_changed_count(request, selection.tag_selection(actor, selected, data["tag_name"]))


def _untag_selection(
    request: Request, actor: Actor, selected: Selection, data: dict[str, Any]
) -> HttpResponseBase:
    return _report_changed_count(request, selection.untag_selection(actor, selected, data["tag_name"]))


def _expire_selection(
    request: Request, actor: Actor, selected: Selection, data: dict[str, Any]
) -> HttpResponseBase:
    return _report_changed_count(request, selection.set_selection_expiry(actor, selected, data["expires_at"]))


def _publish_selection(
    request: Request, actor: Actor, selected: Selection, _data: dict[str, object]
) -> HttpResponseBase:
    return _report_changed_count(
        request, selection.set_selection_visibility(actor, selected, Visibility.PUBLIC)
    )


def _unpublish_selection(
    request: Request, actor: Actor, selected: Selection, _data: dict[str, object]
) -> HttpResponseBase:
    return _report_changed_count(
        request, selection.set_selection_visibility(actor, selected, Visibility.PRIVATE)
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
    message = ngettext("%(n)d memory restored.", "%(n)d memories restored.", count)
    messages.success(request, message % {"n": count})
    return redirect("memories:list")


def _report_changed_count(request: Request, count: int) -> HttpResponseBase:
    message = ngettext("%(n)d memory changed.", "%(n)d memories changed.", count) % {"n": count}
    messages.success(request, message)
    return redirect_back(request, "memories:list")


# --- Tags -------------------------------------------------------------------------------------------------


@require_safe
@memory_view
def tag_list(request: Request, actor: Actor) -> HttpResponseBase:
    """Show a page of the tags: by name, or those on most memories first if there are too many to be decrypted."""
    first = reads.list_tags(actor)
    is_ranked = first.next is not None
    ids = rank_used_tags(actor) if is_ranked else [tag.pk for tag in first.tags]
    page = Paginator(ids, TAGS_PER_PAGE).get_page(request.GET.get("page"))
    tags = {tag.pk: tag for tag in (load_tags(actor.person.pk, page) if is_ranked else first.tags)}
    counts = client_activity.count_memories_by_tag(actor, page)
    rows = [(tags[each], counts.get(each, 0)) for each in page if each in tags]
    return render(request, "memories/tags.html", {"rows": rows, "pages": page, "is_ranked": is_ranked})


@require_safe
@memory_view
def tag_detail(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    """Show a tag with forms to rename or delete it."""
    tags = reads.list_tags(actor, limit=TAGS_PER_PAGE, including=[tag_id]).tags
    tag = next((tag for tag in tags if tag.pk == tag_id), None)
    if tag is None:
        raise Http404
    count = reads.count_memories(actor, Filters(tags_all=frozenset({tag_id})))
    return render(request, "memories/tag.html", {"tag": tag, "count": count, "tags": tags})


@require_POST
@memory_view
def rename_tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    try:
        tag = tag_admin.rename_tag(actor, tag_id, request.POST.get("name", ""), may_merge=True)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("memories:tag", tag_id)
    message = _("Tag renamed to “%(name)s”.") if tag.pk == tag_id else _("Tags merged into “%(name)s”.")
    messages.success(request, message % {"name": tag.name})
    return redirect("memories:tags")


@require_POST
@memory_view
def remove_tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    count = tag_admin.remove_tag(actor, tag_id)
    message = ngettext("Tag removed from %(n)d memory.", "Tag removed from %(n)d memories.", count)
    messages.success(request, message % {"n": count})
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
