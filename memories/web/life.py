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
from memories import app_use, many, queries, similar, tag_services
from memories.errors import MoreCame, VersionConflict
from memories.many import Chosen
from memories.models import Visibility
from memories.querysets import Filters
from memories.web.answers import Request, back, memory_page
from memories.web.forms import ListForm, ManyForm
from memories.web.lists import page_url

TAGS_SHOWN = 100  # on a page

# --- Alike ------------------------------------------------------------------------------------------------


@require_POST
@memory_page
def unite(request: Request, actor: Actor, memory_id: UUID) -> HttpResponseBase:
    """Replace the older of two by the newer, put both texts into one, or keep both."""
    other, act = _id_in(request, "other"), request.POST.get("act")
    if act == "keep":
        similar.keep_both(actor, memory_id, other)
        messages.success(request, _("Both are kept. You are not asked again."))
        return redirect("memories:detail", memory_id)
    united = similar.unite(actor, memory_id, other, merge=act == "merge")
    messages.success(
        request, _("One memory now. The earlier text is in its history, the other in the trash.")
    )
    return redirect("memories:detail", united.pk)


# --- Many -------------------------------------------------------------------------------------------------


@require_POST
@memory_page
def change_many(request: Request, actor: Actor) -> HttpResponseBase:
    listed = ListForm(request.POST, tags=queries.tags_of(actor))
    form = ManyForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return back(request, "memories:list")
    seen = form.cleaned_data["seen"]
    whole = form.cleaned_data["everything"]
    shown = form.cleaned_data["shown"]
    chosen = Chosen(None, listed.filters, shown=shown) if whole else Chosen(seen.keys(), seen=seen)
    try:
        if whole and form.cleaned_data["act"] == "publish" and not shown:
            return _asked_first(request, actor, chosen, listed)
        return _ACTS[form.cleaned_data["act"]](request, actor, chosen, form.cleaned_data)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except VersionConflict:
        messages.warning(request, _("One of them was changed meanwhile. Look at them, and choose again."))
    except MoreCame:
        messages.warning(
            request, _("Some of them came or were changed meanwhile. Look again, and choose then.")
        )
    return back(request, "memories:list")


def _asked_first(request: Request, actor: Actor, chosen: Chosen, listed: ListForm) -> HttpResponseBase:
    """Nobody has seen all that match: what would be public is said, and a yes to that is asked for."""
    would = many.would_be_public(actor, chosen)
    if not would.count:
        return _changed(request, 0)
    context = {
        "would": would,
        "texts": [text for text in map(queries.opened, would.newest) if text],
        "address": listed.address(),
        "page_url": page_url(listed),
    }
    return render(request, "memories/confirm_publish.html", context)


def _trash(request: Request, actor: Actor, chosen: Chosen, _given: dict[str, Any]) -> HttpResponseBase:
    count, moment = many.trash_many(actor, chosen)
    if moment is None:
        return _changed(request, count)
    return redirect(
        f"{reverse('memories:list')}?{urlencode({'trashed': str(count), 'at': moment.isoformat()})}"
    )


def _tag(request: Request, actor: Actor, chosen: Chosen, given: dict[str, Any]) -> HttpResponseBase:
    return _changed(request, many.tag_many(actor, chosen, given["tag_name"]))


def _untag(request: Request, actor: Actor, chosen: Chosen, given: dict[str, Any]) -> HttpResponseBase:
    return _changed(request, many.untag_many(actor, chosen, given["tag_name"]))


def _expire(request: Request, actor: Actor, chosen: Chosen, given: dict[str, Any]) -> HttpResponseBase:
    return _changed(request, many.expire_many(actor, chosen, given["expires_at"]))


def _publish(request: Request, actor: Actor, chosen: Chosen, _given: dict[str, Any]) -> HttpResponseBase:
    return _changed(request, many.show_many(actor, chosen, Visibility.PUBLIC))


def _unpublish(request: Request, actor: Actor, chosen: Chosen, _given: dict[str, Any]) -> HttpResponseBase:
    return _changed(request, many.show_many(actor, chosen, Visibility.PRIVATE))


_ACTS: dict[str, Callable[[Request, Actor, Chosen, dict[str, Any]], HttpResponseBase]] = {
    "trash": _trash,
    "tag": _tag,
    "untag": _untag,
    "expire": _expire,
    "publish": _publish,
    "unpublish": _unpublish,
}


@require_POST
@memory_page
def restore_many(request: Request, actor: Actor) -> HttpResponseBase:
    count = many.restore_many(actor, _moment_in(request, "at"))
    messages.success(request, ngettext("%(n)d restored.", "%(n)d restored.", count) % {"n": count})
    return redirect("memories:list")


def _changed(request: Request, count: int) -> HttpResponseBase:
    said = ngettext("%(n)d memory changed.", "%(n)d memories changed.", count) % {"n": count}
    messages.success(request, said)
    return back(request, "memories:list")


# --- Tags -------------------------------------------------------------------------------------------------


@require_safe
@memory_page
def tags(request: Request, actor: Actor) -> HttpResponseBase:
    counts = app_use.count_by_tag(actor)
    rows = [(tag, counts.get(tag.pk, 0)) for tag in queries.tags_of(actor)]
    shown = Paginator(rows, TAGS_SHOWN).get_page(request.GET.get("page"))
    return render(request, "memories/tags.html", {"rows": shown})


@require_safe
@memory_page
def tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    """One tag, to be changed on all its memories."""
    known = queries.tags_of(actor)
    chosen = next((each for each in known if each.pk == tag_id), None)
    if chosen is None:
        raise Http404
    count = queries.count_memories(actor, Filters(tags_all=frozenset({tag_id})))
    return render(request, "memories/tag.html", {"tag": chosen, "count": count, "known": known})


@require_POST
@memory_page
def rename_tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    try:
        tag = tag_services.rename_tag(actor, tag_id, request.POST.get("name", ""), may_merge=True)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("memories:tag", tag_id)
    said = _("The tag is “%(name)s” now.") if tag.pk == tag_id else _("Both tags are “%(name)s” now.")
    messages.success(request, said % {"name": tag.name})
    return redirect("memories:tags")


@require_POST
@memory_page
def remove_tag(request: Request, actor: Actor, tag_id: UUID) -> HttpResponseBase:
    count = tag_services.remove_tag(actor, tag_id)
    said = ngettext("Taken off %(n)d memory.", "Taken off %(n)d memories.", count) % {"n": count}
    messages.success(request, said)
    return redirect("memories:tags")


def _moment_in(request: Request, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(request.POST.get(name, ""))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Http404


def _id_in(request: Request, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise Http404 from None
