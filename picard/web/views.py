"""Landing page, help page and error pages."""

import sys

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from core.db.errors import is_database_unavailable
from picard.config.log_config import request_id
from picard.web.context import get_theme
from picard.web.database_errors import render_unavailable


@require_safe
def landing_page(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        return redirect("memories:list")
    return render(request, "landing.html")


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "help/help.html")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the page for a request that cannot be read, or for a form that is over a limit of Django's (413)."""
    is_over_limit = isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent)
    is_too_large = is_over_limit and request.method == "POST"
    context = {
        "is_too_large": is_too_large,
        "has_too_many_files": isinstance(exception, TooManyFilesSent),
        "is_incomplete": isinstance(exception, MultiPartParserError),
        "public_url": settings.PUBLIC_URL if isinstance(exception, DisallowedHost) else "",
    }
    return render(request, "400.html", context, status=413 if is_too_large else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    # Not in a middleware, because Django converts an exception to a response at every layer it passes.
    error = sys.exception()
    if is_database_unavailable(error):
        return render_unavailable(error)
    # Without the request, because its session may be the cause.
    context = {"request_id": request_id.get(), "picard": {"theme": get_theme(request)}}
    return HttpResponse(render_to_string("500.html", context), status=500)
