"""The page of insights: a map of one's memories, and which app read how much; pictures made by the server."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.actor import Actor
from memories.clients import activity as client_activity
from memories.clients import names as client_names
from memories.clients.insights import MapPoint, build_map
from memories.web.decorators import Request, memory_view
from memories.web.presenters import MemoryRow

WIDTH, HEIGHT, MARGIN = 640, 400, 14  # of the map, in its own units
BAR_WIDTH = 300
TABLE_ROWS = 50


@require_safe
@memory_view
def insights_page(request: Request, actor: Actor) -> HttpResponseBase:
    drawn = build_map(actor)
    dots = [_build_map_point(point) for point in drawn.points]
    context = {
        "dots": dots,
        "table": dots[:TABLE_ROWS],
        "colours": list(enumerate(drawn.tags)),
        "has_others": any(point.colour is None for point in drawn.points),
        "bars": _build_usage_bars(actor),
        "size": {"width": WIDTH, "height": HEIGHT, "bar": BAR_WIDTH},
    }
    return render(request, "memories/insights.html", context)


def _build_map_point(point: MapPoint) -> dict[str, object]:
    return {
        "row": MemoryRow(point.memory, names={}),
        "x": round(MARGIN + point.x * (WIDTH - 2 * MARGIN)),
        "y": round(MARGIN + point.y * (HEIGHT - 2 * MARGIN)),
        "colour": "other" if point.colour is None else point.colour,
    }


def _build_usage_bars(actor: Actor) -> list[dict[str, object]]:
    """Apps by how many memories they read, most first; a bar is as long as its share of the longest."""
    use = client_activity.get_usage_by_app(actor)
    names = client_names.get_client_names(f":{client_id}" for client_id in use)
    longest = max((each.read for each in use.values()), default=0) or 1
    return [
        {
            "name": names.get(client_id, client_id),
            "use": each,
            "width": round(each.read / longest * BAR_WIDTH),
        }
        for client_id, each in sorted(use.items(), key=lambda item: -item[1].read)
    ]
