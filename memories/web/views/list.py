"""The list of a person's memories: all of them, those that filters let through, those that a search found."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from accounts.actor import Actor
from memories.clients import activity as client_activity
from memories.models import Tag
from memories.search.query import search
from memories.services import reads
from memories.services.saved_filters import saved_filters
from memories.validation import limits
from memories.web.decorators import Request, memory_page
from memories.web.forms import ListForm, MemoryForm
from memories.web.presenters import rows_of, rows_of_hits
from memories.web.views.onboarding import first_steps, note_found

HITS = 25  # as many as a page of the list
TAGS_OFFERED = 60  # to filter by; the page of tags has all of them


@require_safe
@memory_page
def memory_list(request: Request, actor: Actor) -> HttpResponseBase:
    form = ListForm(request.GET, tags=reads.tags_of(actor))
    found = _found(actor, form) if form.query else _listed(actor, form)
    context = {**found, "form": form, "address": form.address(), "page_url": page_url(form)}
    context["tags"] = _offered(actor, form)
    is_first_find = bool(form.query and found["rows"]) and note_found(request, actor)
    if not form.query:
        context["matching"] = reads.count_memories(actor, form.filters)
    if not request.htmx or request.htmx.history_restore_request:
        total = reads.count_memories(actor) if context["address"] else context["matching"]
        more = {
            "add_form": MemoryForm(),
            "saved": [(each, urlencode(each.parts)) for each in saved_filters(actor)],
            "total": total,
            "steps": first_steps(request, actor, total=total, rows=found["rows"]),
            "limit": limits.TEXT_CHARACTERS,
            "trashed": request.GET.get("trashed", ""),
            "trashed_at": request.GET.get("at", ""),
        }
        return render(request, "memories/list.html", {**context, **more})
    if form.cursor:
        return render(request, "memories/_rows.html", context)
    if is_first_find:
        context["steps"] = first_steps(request, actor, total=reads.count_memories(actor))
        context["swap_steps"] = True
    return replace_url(render(request, "memories/_results.html", context), context["page_url"])


def _listed(actor: Actor, form: ListForm) -> dict[str, Any]:
    page = reads.list_memories(actor, filters=form.filters, before=form.cursor)
    return {"rows": rows_of(page.memories), "next": page.next}


def _found(actor: Actor, form: ListForm) -> dict[str, Any]:
    result = search(actor, form.query, filters=form.filters, limit=HITS)
    rows = rows_of_hits(result.hits, form.query)
    strong = [row for row in rows if not row.is_weak]
    return {
        "rows": strong,
        "weak": rows[len(strong) :],
        "degraded": result.degraded,
        "withheld": result.withheld,
        "next": None,
    }


def _offered(actor: Actor, form: ListForm) -> list[Tag]:
    """The tags to choose from: of very many those on most memories, and the one that is chosen."""
    if len(form.tags) <= TAGS_OFFERED:
        return form.tags
    counts = client_activity.count_by_tag(actor)
    offered = {*sorted((tag.pk for tag in form.tags), key=lambda pk: -counts.get(pk, 0))[:TAGS_OFFERED]}
    return [tag for tag in form.tags if tag.pk in offered or tag == form.chosen_tag]


def page_url(form: ListForm) -> str:
    """The address of the list with these filters, and search."""
    address = urlencode(form.address())
    return reverse("memories:list") + (f"?{address}" if address else "")
