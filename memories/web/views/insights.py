"""The Insights page: a map of the user's memories and usage by app, drawn on the server."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.actor import Actor
from memories.clients import activity as client_activity
from memories.clients import names as client_names
from memories.clients.insights import MapPoint, build_map
from memories.web.decorators import Request, memory_view
from memories.web.presenters import MemoryRow

WIDTH, HEIGHT, MARGIN = 640, 400, 14  # of the map, in SVG units
BAR_WIDTH = 300
TABLE_ROWS = 50


@require_safe
@memory_view
def insights_page(request: Request, actor: Actor) -> HttpResponseBase:
    memory_map = build_map(actor)
    dots = [_build_map_point(point) for point in memory_map.points]
    context = {
        "dots": dots,
        "table": dots[:TABLE_ROWS],
        "colours": list(enumerate(memory_map.tags)),
        "has_others": any(point.colour is None for point in memory_map.points),
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
    """Return the apps sorted by memories read, with bar widths relative to the largest."""
    usage = client_activity.get_usage_by_app(actor)
    names = client_names.get_client_names(actor.person.pk, (f":{client_id}" for client_id in usage))
    most_read = max((app.read for app in usage.values()), default=0) or 1
    return [
        {
            "name": names.get(client_id, client_id),
            "use": app,
            "width": round(app.read / most_read * BAR_WIDTH),
        }
        for client_id, app in sorted(usage.items(), key=lambda item: -item[1].read)
    ]
