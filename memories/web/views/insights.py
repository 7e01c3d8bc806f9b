"""The page of insights: a map of one's memories, and which app read how much; pictures made by the server."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.actor import Actor
from memories.clients import activity as client_activity
from memories.clients import names as client_names
from memories.clients.insights import Point, map_of
from memories.web.decorators import Request, memory_page
from memories.web.presenters import Row

WIDTH, HEIGHT, MARGIN = 640, 400, 14  # of the map, in its own units
BAR_WIDTH = 300
IN_TABLE = 50


@require_safe
@memory_page
def insights(request: Request, actor: Actor) -> HttpResponseBase:
    drawn = map_of(actor)
    dots = [_dot(point) for point in drawn.points]
    context = {
        "dots": dots,
        "table": dots[:IN_TABLE],
        "colours": list(enumerate(drawn.tags)),
        "has_others": any(point.colour is None for point in drawn.points),
        "bars": _bars(actor),
        "size": {"width": WIDTH, "height": HEIGHT, "bar": BAR_WIDTH},
    }
    return render(request, "memories/insights.html", context)


def _dot(point: Point) -> dict[str, object]:
    return {
        "row": Row(point.memory, names={}),
        "x": round(MARGIN + point.x * (WIDTH - 2 * MARGIN)),
        "y": round(MARGIN + point.y * (HEIGHT - 2 * MARGIN)),
        "colour": "other" if point.colour is None else point.colour,
    }


def _bars(actor: Actor) -> list[dict[str, object]]:
    """Apps by how many memories they read, most first; a bar is as long as its share of the longest."""
    use = client_activity.use_by_app(actor)
    names = client_names.of_sources(f":{client_id}" for client_id in use)
    longest = max((each.read for each in use.values()), default=0) or 1
    return [
        {
            "name": names.get(client_id, client_id),
            "use": each,
            "width": round(each.read / longest * BAR_WIDTH),
        }
        for client_id, each in sorted(use.items(), key=lambda item: -item[1].read)
    ]
