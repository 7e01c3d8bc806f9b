"""The pages of Notes."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from notes import connections
from notes.models import Connection
from notes.picard import Picard


def connected(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Called with the person's connection; whoever has none begins at the front page."""

    @never_cache
    @wraps(view)
    def page(request: HttpRequest, **arguments: UUID) -> HttpResponse:
        connection = connections.of(request)
        return redirect("front") if connection is None else view(request, connection, **arguments)

    return page


@require_safe
@never_cache
def front(request: HttpRequest) -> HttpResponse:
    if connections.of(request) is not None:
        return redirect("notes")
    return render(request, "front.html")


@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    return redirect(connections.begin(request))


@require_safe
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    connections.finish(request)
    return redirect("notes")  # away from an address that holds a code


@require_POST
@connected
def disconnect(request: HttpRequest, connection: Connection) -> HttpResponse:
    connections.end(connection)
    request.session.flush()
    return redirect("front")


@require_safe
@connected
def notes(request: HttpRequest, connection: Connection) -> HttpResponse:
    memories = Picard(connection).memories()
    return render(request, "notes.html", {"memories": memories, "me": connection, "key": uuid4()})


@require_POST
@connected
def search(request: HttpRequest, connection: Connection) -> HttpResponse:
    """By POST: what people look for stays out of addresses and logs."""
    query = request.POST.get("query", "").strip()
    if not query:
        return redirect("notes")
    context = {"memories": Picard(connection).search(query), "me": connection, "key": uuid4(), "query": query}
    return render(request, "notes.html", context)


@require_POST
@connected
def add(request: HttpRequest, connection: Connection) -> HttpResponse:
    is_kept = Picard(connection).create(request.POST.get("text", ""), key=request.POST.get("key", ""))
    return redirect("notes" if is_kept else "waiting")


@require_safe
@connected
def waiting(request: HttpRequest, connection: Connection) -> HttpResponse:
    return render(
        request, "waiting.html", {"review": f"{settings.PICARD_URL}/memories/review/", "me": connection}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@connected
def edit(request: HttpRequest, connection: Connection, memory_id: UUID) -> HttpResponse:
    picard = Picard(connection)
    if request.method == "POST":
        text, version = request.POST.get("text", ""), request.POST.get("version", "")
        return redirect("notes" if picard.edit(memory_id, text, version=version) else "waiting")
    return render(request, "edit.html", {"memory": picard.memory(memory_id), "me": connection})
