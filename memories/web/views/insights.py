"""The Insights page: what a user's memories are, what apps do with them, and what is left to settle; and their map."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.actor import Actor
from core import languages
from memories.clients import names as client_names
from memories.insights.app_days import AppActivity, list_app_activity
from memories.insights.growth import Growth, count_growth, get_first_time
from memories.insights.index_state import count_languages
from memories.insights.memory_map import MapPoint, build_map
from memories.insights.periods import Range, build_period
from memories.insights.tag_trends import count_tags
from memories.insights.unsettled_pairs import UnsettledPairs, find_unsettled
from memories.web.decorators import Request, memory_view
from memories.web.insight_charts import AppLink, InsightCharts
from memories.web.presenters import MemoryRow, SimilarRow
from oauth.access import grants

WIDTH, HEIGHT, MARGIN = 640, 400, 14  # of the map, in SVG units
TABLE_ROWS = 50  # of the map
SHOWN_PAIRS = 5


@require_safe
@memory_view
def insights_page(request: Request, actor: Actor) -> HttpResponseBase:
    wanted = _parse_range(request.GET.get("range", ""))
    first = get_first_time(actor)
    period = build_period(wanted, timezone.now().astimezone(actor.person.zone), first)
    charts = InsightCharts(period)
    growth, apps, tags = (
        count_growth(actor, period),
        list_app_activity(actor, period),
        count_tags(actor, period),
    )
    links = _build_app_links(actor, apps)
    context = {
        "ranges": [(each.value, text, each == wanted) for each, text in _list_ranges()],
        "charts": charts,
        "growth": growth,
        "saved": charts.draw_saved(growth),
        "total": charts.draw_total(growth),
        "activity": [charts.draw_reads(apps, links), charts.draw_writes(apps, links)],
        "is_active": bool(apps),
        "tags": charts.draw_tags(tags),
        "tags_partial": tags.is_partial,
        "unsettled": _build_unsettled(find_unsettled(actor)),
        "languages": _list_languages(actor, growth),
    }
    return render(request, "memories/insights.html", context)


@require_safe
@memory_view
def map_page(request: Request, actor: Actor) -> HttpResponseBase:
    memory_map = build_map(actor)
    dots = [_build_map_point(point) for point in memory_map.points]
    context = {
        "dots": dots,
        "table": dots[:TABLE_ROWS],
        "colours": list(enumerate(memory_map.tags)),
        "has_others": any(point.colour is None for point in memory_map.points),
        "size": {"width": WIDTH, "height": HEIGHT},
    }
    return render(request, "memories/map.html", context)


def _parse_range(value: str) -> Range:
    return next((each for each in Range if each == value), Range.MONTHS)


def _list_ranges() -> list[tuple[Range, str]]:
    return [
        (Range.DAYS, _("30 days")),
        (Range.MONTHS, _("12 months")),
        (Range.ALL, _("All time")),
    ]


def _build_app_links(actor: Actor, apps: list[AppActivity]) -> dict[str, AppLink]:
    client_ids = {app.client_id for app in apps}
    names = client_names.get_client_names(actor.person.pk, (f":{client_id}" for client_id in client_ids))
    connected = grants.get_grant_ids_by_client(actor, client_ids)
    return {
        client_id: AppLink(
            names.get(client_id, client_id),
            reverse("oauth:app", args=[connected[client_id]]) if client_id in connected else "",
        )
        for client_id in client_ids
    }


def _build_unsettled(found: UnsettledPairs) -> dict[str, object]:
    pairs = [
        {
            "older": MemoryRow(pair.older, names={}),
            "newer": SimilarRow(pair.newer.memory, names={}, update=pair.newer.update),
            "is_update": pair.newer.update is not None,
        }
        for pair in found.pairs
    ]
    return {
        "shown": pairs[:SHOWN_PAIRS],
        "more": len(pairs) - SHOWN_PAIRS,
        "count": len(pairs),
        "compared": found.compared,
    }


def _list_languages(actor: Actor, growth: Growth) -> list[tuple[str, int]]:
    counts = count_languages(actor, growth.indexed)
    names = {**languages.NAMES, languages.SEVERAL: _("Several languages")}
    return [(names.get(code, code), count) for code, count in counts.items()]


def _build_map_point(point: MapPoint) -> dict[str, object]:
    return {
        "row": MemoryRow(point.memory, names={}),
        "x": round(MARGIN + point.x * (WIDTH - 2 * MARGIN)),
        "y": round(MARGIN + point.y * (HEIGHT - 2 * MARGIN)),
        "colour": "other" if point.colour is None else point.colour,
    }
