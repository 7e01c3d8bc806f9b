"""The list of the user's memories, filtered or searched."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from accounts.actor import Actor
from memories.search.query import search_memories
from memories.services import reads
from memories.services.saved_filters import list_saved_filters
from memories.validation import limits
from memories.web.decorators import Request, memory_view
from memories.web.forms import ListForm, MemoryForm
from memories.web.presenters import build_rows, build_search_rows
from memories.web.views.onboarding import get_first_steps, record_first_search

SEARCH_LIMIT = 25  # as long as a page of the list
MAX_TAG_CHOICES = 60  # in the filter, besides the selected one; the tags page lists all


@require_safe
@memory_view
def memory_list(request: Request, actor: Actor) -> HttpResponseBase:
    form = ListForm(request.GET)
    form.tags = reads.list_tags(actor, limit=MAX_TAG_CHOICES, including=form.filters.tags_all).tags
    results = _search_memories(actor, form) if form.query else _list_memories(actor, form)
    context = {**results, "form": form, "address": form.get_url_params(), "page_url": build_list_url(form)}
    is_first_search = bool(form.query and results["rows"]) and record_first_search(request, actor)
    if not form.query:
        context["matching"] = reads.count_memories(actor, form.filters)
    if not request.htmx or request.htmx.history_restore_request:
        total = reads.count_memories(actor) if context["address"] else context["matching"]
        page_context = {
            "add_form": MemoryForm(),
            "saved": [(saved, urlencode(saved.parts)) for saved in list_saved_filters(actor)],
            "total": total,
            "steps": get_first_steps(request, actor, total=total, rows=results["rows"]),
            "limit": limits.TEXT_CHARACTERS,
            "trashed": request.GET.get("trashed", ""),
            "trashed_at": request.GET.get("at", ""),
        }
        return render(request, "memories/list.html", {**context, **page_context})
    if form.cursor:
        return render(request, "memories/_rows.html", context)
    if is_first_search:
        context["steps"] = get_first_steps(request, actor, total=reads.count_memories(actor))
        context["swap_steps"] = True
    return replace_url(render(request, "memories/_results.html", context), context["page_url"])


def _list_memories(actor: Actor, form: ListForm) -> dict[str, Any]:
    page = reads.list_memories(actor, filters=form.filters, before=form.cursor)
    return {"rows": build_rows(page.memories), "next": page.next}


def _search_memories(actor: Actor, form: ListForm) -> dict[str, Any]:
    result = search_memories(actor, form.query, filters=form.filters, limit=SEARCH_LIMIT, only_related=True)
    searched_for = result.corrected or form.query
    rows = build_search_rows(result.hits)
    strong = [row for row in rows if not row.is_weak]
    return {
        "rows": strong,
        "weak": rows[len(strong) :],
        "degraded": result.degraded,
        "withheld": result.withheld,
        "searched_for": searched_for,
        "next": None,
    }


def build_list_url(form: ListForm) -> str:
    """Return the URL of the list with these filters and search."""
    query = urlencode(form.get_url_params())
    return reverse("memories:list") + (f"?{query}" if query else "")
