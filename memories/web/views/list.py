"""The list of the user's memories, filtered or searched."""

from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from accounts.actor import Actor
from memories.errors import MemoryNotFound
from memories.insights.periods import list_months
from memories.models import Tag
from memories.search.query import search_memories
from memories.services import reads
from memories.services.saved_filters import list_saved_filters
from memories.validation import limits
from memories.web.decorators import Request, memory_view
from memories.web.forms import MemoryForm, parse_count
from memories.web.list_form import ListForm, get_month_after
from memories.web.presenters import (
    DayRows,
    MemoryRow,
    build_rows,
    build_search_rows,
    format_date,
    group_by_day,
)
from memories.web.views.onboarding import get_first_steps, record_first_search

SEARCH_LIMIT = 25  # as long as a page of the list
MAX_TAG_CHOICES = 60  # of bulk actions; the tags page lists all
MAX_SIDE_TAGS = 20  # beside the list
MAX_MONTHS = 240  # to jump to
EMPTY_FORM = MemoryForm()  # never bound: the template renders it once per language


@require_safe
@memory_view
def memory_list(request: Request, actor: Actor) -> HttpResponseBase:
    form = ListForm(request.GET)
    is_page = not request.htmx or request.htmx.history_restore_request
    choices = reads.list_tags(actor, limit=MAX_TAG_CHOICES if is_page else 0, including=form.filters.tags_all)
    form.tags = choices.tags
    results = _search_memories(actor, form) if form.query else _list_memories(actor, form)
    context = {**results, "form": form, "address": form.get_url_params(), "page_url": build_list_url(form)}
    is_first_search = bool(form.query and results["rows"]) and record_first_search(request, actor)
    if form.cursor and not is_page:
        return render(request, "memories/_rows.html", context)
    if not form.query:
        context |= _count_by_month(actor, form)
    if is_page:
        total = reads.count_memories(actor) if context["address"] else context["matching"]
        context |= {
            "add_form": EMPTY_FORM,
            "saved": [(saved, urlencode(saved.parts)) for saved in list_saved_filters(actor)],
            "side_tags": _list_side_tags(form, choices),
            "total": total,
            "steps": get_first_steps(request, actor, total=total, rows=results["rows"]),
            "limit": limits.TEXT_CHARACTERS,
            "trashed": parse_count(request.GET.get("trashed", "")),
            "trashed_at": request.GET.get("at", ""),
            "today": timezone.localdate(),
            **_open_memory(actor, form, context),
        }
        return render(request, "memories/list.html", context)
    if is_first_search:
        context["steps"] = get_first_steps(request, actor, total=reads.count_memories(actor))
        context["swap_steps"] = True
    return replace_url(render(request, "memories/_results.html", context), context["page_url"])


def _list_memories(actor: Actor, form: ListForm) -> dict[str, Any]:
    page = reads.list_memories(actor, filters=form.filters, before=form.cursor)
    rows = build_rows(page.memories)
    after = None if form.start_month else form.cursor
    return {"rows": rows, "days": group_by_day(rows, after=after), "next": page.next}


def _search_memories(actor: Actor, form: ListForm) -> dict[str, Any]:
    result = search_memories(actor, form.query, filters=form.filters, limit=SEARCH_LIMIT, only_related=True)
    rows = build_search_rows(result.hits)
    strong = [row for row in rows if not row.is_weak]
    return {
        "rows": strong,
        "days": [DayRows("", None, strong)],
        "weak": rows[len(strong) :],
        "degraded": result.degraded,
        "withheld": result.withheld,
        "searched_for": result.corrected or form.query,
        "next": None,
    }


def _open_memory(actor: Actor, form: ListForm, context: dict[str, Any]) -> dict[str, Any]:
    """Return which memory is shown opened. One that is not on this page of the list comes first."""
    rows = [*context["rows"], *context.get("weak", ())]
    if form.opened is None or form.opened in {row.memory.pk for row in rows}:
        return {"open_id": form.opened}
    try:
        row = MemoryRow(reads.get_memory(actor, form.opened))
    except MemoryNotFound:
        return {}
    return {"open_id": form.opened, "days": [DayRows("", None, [row]), *context["days"]]}


def _count_by_month(actor: Actor, form: ListForm) -> dict[str, Any]:
    """Return how many memories match, and the months that have some, newest first, with URLs of the list from there."""
    now = timezone.localtime()
    months = _list_months(now.year, now.month, timezone.get_current_timezone())
    counts = reads.count_memories_between(actor, months, form.filters)
    start = _build_url_start(form.get_url_params())
    found = [
        (format_date(month.date(), "YEAR_MONTH_FORMAT"), count, f"{start}month={month:%Y-%m}")
        for month, count in zip(months, counts[1:], strict=True)
        if count
    ]
    return {"matching": sum(counts), "months": found[::-1]}


@lru_cache(maxsize=256)
def _list_months(year: int, month: int, zone: tzinfo) -> tuple[datetime, ...]:
    """Return the starts of the months of a time zone, up to the one after this month."""
    return tuple(list_months(get_month_after(datetime(year, month, 1, tzinfo=zone)), MAX_MONTHS))


def _list_side_tags(form: ListForm, page: reads.TagPage) -> list[tuple[Tag, int | None, str]]:
    """Return the tags on most memories, these first, and the chosen one, with their numbers and URLs.

    Other filters stay, but no search.
    """
    params = form.get_url_params()
    start = _build_url_start({name: params[name] for name in params if name not in ("q", "tag")})
    ranked = sorted(page.tags, key=lambda tag: -page.counts.get(tag.pk, 0))
    shown = ranked[:MAX_SIDE_TAGS]
    if form.chosen_tag is not None and form.chosen_tag not in shown:
        shown.append(form.chosen_tag)
    return [(tag, page.counts.get(tag.pk), f"{start}tag={tag.pk}") for tag in shown]


def _build_url_start(params: dict[str, str]) -> str:
    """Return the start of URLs that differ in one further parameter."""
    return f"?{urlencode(params)}&" if params else "?"


def build_list_url(form: ListForm) -> str:
    """Return the URL of the list with these filters and search."""
    query = urlencode(form.get_url_params())
    return reverse("memories:list") + (f"?{query}" if query else "")
