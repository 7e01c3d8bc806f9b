"""Every request gets an id and one line in the log, and is counted where there is a METRICS_TOKEN."""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from picard.config.log_config import redact_path, request_id

# Asked every few seconds by whoever watches the server: no news. They know it by an address of their own (a
# container's, a load balancer's), so their Host is not looked at; nothing there depends on it.
HEALTH_PATHS = frozenset({"/healthz", "/health", "/readyz", "/metrics"})

logger = logging.getLogger("picard.request")

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class RequestIdMiddleware:
    """Sets `request.request_id` and X-Request-ID. An id from outside is not taken: anything may stand in it.

    Serves both kinds of handlers, so that /mcp needs no thread for it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._call_async(request)
        begun = _start_request(request)
        forget = request_id.set(begun.id)
        try:
            return _finish_request(request, cast(HttpResponseBase, self.get_response(request)), begun)
        finally:
            request_id.reset(forget)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        begun = _start_request(request)
        request_id.set(begun.id)  # of this request's task only
        return _finish_request(
            request, await cast(Awaitable[HttpResponseBase], self.get_response(request)), begun
        )


class _RequestStart(NamedTuple):
    id: str
    at: float


def _start_request(request: HttpRequest) -> _RequestStart:
    begun = _RequestStart(uuid.uuid4().hex, time.perf_counter())
    request.request_id = begun.id  # type: ignore[attr-defined]
    if request.path in HEALTH_PATHS:
        request.META["HTTP_HOST"] = "localhost"
    return begun


def _finish_request(
    request: HttpRequest, response: HttpResponseBase, begun: _RequestStart
) -> HttpResponseBase:
    response["X-Request-ID"] = begun.id
    seconds = time.perf_counter() - begun.at
    if settings.METRICS_TOKEN:
        from picard.observability import http_metrics

        http_metrics.record_request(
            request.method, http_metrics.view_of(request), response.status_code, seconds
        )
    fields = {
        "method": request.method,
        "path": redact_path(request),
        "status": response.status_code,
        "duration_ms": round(seconds * 1000, 1),
    }
    level = logging.DEBUG if request.path in HEALTH_PATHS and response.status_code < 500 else logging.INFO
    logger.log(level, "request", extra={"fields": fields})
    return response
