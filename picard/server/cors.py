"""Middleware that opens the endpoints for apps to web pages of every origin, with all their errors."""

import re
from collections.abc import Awaitable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from core.cors import ANY_ORIGIN, PREFLIGHT
from picard.server.middleware import SyncAndAsyncMiddleware

# These use no cookies. The authorization endpoint is a page, and /mcp checks the origin itself (memories/mcp/cors.py).
OPEN_PATHS = re.compile(r"/oauth/(?:token|revoke|register)(?:/|$)|(?:/.+)?/\.well-known/")
API_PATHS = re.compile(r"/api/(?!docs/)")


class CorsMiddleware(SyncAndAsyncMiddleware):
    """Answers preflights, which need no token and count for no limit, and adds the headers to other responses.

    A response to a request that is authenticated by the user's session gets no headers.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._call_async(request)
        return _build_preflight_response(request) or _add_headers(
            request, cast(HttpResponseBase, self.get_response(request))
        )

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        return _build_preflight_response(request) or _add_headers(
            request, await cast(Awaitable[HttpResponseBase], self.get_response(request))
        )


def _build_preflight_response(request: HttpRequest) -> HttpResponse | None:
    is_from_page = "Origin" in request.headers or "Access-Control-Request-Method" in request.headers
    if request.method == "OPTIONS" and is_from_page and _is_open(request):
        return HttpResponse(status=204, headers={**ANY_ORIGIN, **PREFLIGHT})
    return None


def _add_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if _is_open(request):
        for name, value in ANY_ORIGIN.items():
            response[name] = value
    return response


def _is_open(request: HttpRequest) -> bool:
    if OPEN_PATHS.match(request.path):
        return True
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES and "Authorization" not in request.headers
    return API_PATHS.match(request.path) is not None and not has_session
