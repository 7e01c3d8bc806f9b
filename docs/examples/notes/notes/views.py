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


def connection_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Pass the user's connection to the view, or redirect to the front page."""

    @never_cache
    @wraps(view)
    def page(request: HttpRequest, **arguments: UUID) -> HttpResponse:
        connection = connections.get_connection(request)
        return redirect("front") if connection is None else view(request, connection, **arguments)

    return page


@require_safe
@never_cache
def front(request: HttpRequest) -> HttpResponse:
    if connections.get_connection(request) is not None:
        return redirect("notes")
    return render(request, "front.html")


@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    return redirect(connections.start_authorization(request))


@require_safe
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    connections.complete_authorization(request)
    return redirect("notes")  # to a URL without the code


@require_POST
@connection_required
def disconnect(request: HttpRequest, connection: Connection) -> HttpResponse:
    connections.revoke_connection(connection)
    request.session.flush()
    return redirect("front")


@require_safe
@connection_required
def notes(request: HttpRequest, connection: Connection) -> HttpResponse:
    memories = Picard(connection).list_memories()
    return render(request, "notes.html", {"memories": memories, "me": connection, "key": uuid4()})


@require_POST
@connection_required
def search(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Search by POST, so that queries appear in no URL and no log."""
    query = request.POST.get("query", "").strip()
    if not query:
        return redirect("notes")
    memories = Picard(connection).search_memories(query)
    context = {"memories": memories, "me": connection, "key": uuid4(), "query": query}
    return render(request, "notes.html", context)


@require_POST
@connection_required
def add(request: HttpRequest, connection: Connection) -> HttpResponse:
    text, key = request.POST.get("text", ""), request.POST.get("key", "")
    is_saved = Picard(connection).create_memory(text, key=key)
    return redirect("notes" if is_saved else "waiting")


@require_safe
@connection_required
def waiting(request: HttpRequest, connection: Connection) -> HttpResponse:
    context = {"review": f"{settings.PICARD_URL}/memories/review/", "me": connection}
    return render(request, "waiting.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@connection_required
def edit(request: HttpRequest, connection: Connection, memory_id: UUID) -> HttpResponse:
    picard = Picard(connection)
    if request.method == "POST":
        text, version = request.POST.get("text", ""), request.POST.get("version", "")
        is_saved = picard.update_memory(memory_id, text, version=version)
        return redirect("notes" if is_saved else "waiting")
    return render(request, "edit.html", {"memory": picard.get_memory(memory_id), "me": connection})
