"""Middleware that gives every request an ID, logs it, and counts it if METRICS_TOKEN is set."""

import logging
import time
import uuid
from collections.abc import Awaitable
from typing import NamedTuple, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from core.db.cancellation import has_client_disconnected
from picard.config.log_config import redact_path, request_id
from picard.server.clients import HEALTH_PATHS
from picard.server.middleware import SyncAndAsyncMiddleware

CLIENT_CLOSED_REQUEST = 499  # nobody receives the response; as nginx logs it, so that it counts as no failure

logger = logging.getLogger("picard.request")


class RequestIdMiddleware(SyncAndAsyncMiddleware):
    """Sets `request.request_id` and X-Request-ID. IDs sent by clients are ignored: they may contain anything."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._call_async(request)
        start = _start_request(request)
        token = request_id.set(start.id)
        try:
            return _finish_request(request, cast(HttpResponseBase, self.get_response(request)), start)
        finally:
            request_id.reset(token)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        start = _start_request(request)
        request_id.set(start.id)  # only in this request's task
        return _finish_request(
            request, await cast(Awaitable[HttpResponseBase], self.get_response(request)), start
        )


class _RequestStart(NamedTuple):
    id: str
    at: float


def _start_request(request: HttpRequest) -> _RequestStart:
    start = _RequestStart(uuid.uuid4().hex, time.perf_counter())
    request.request_id = start.id  # type: ignore[attr-defined]
    if request.path in HEALTH_PATHS:
        # Monitoring uses internal addresses (of a container or load balancer); nothing in these views depends on it.
        request.META["HTTP_HOST"] = "localhost"
    return start


def _finish_request(
    request: HttpRequest, response: HttpResponseBase, start: _RequestStart
) -> HttpResponseBase:
    response["X-Request-ID"] = start.id
    seconds = time.perf_counter() - start.at
    status = CLIENT_CLOSED_REQUEST if has_client_disconnected() else response.status_code
    if settings.METRICS_TOKEN:
        from picard.observability import http_metrics

        http_metrics.record_request(request.method, http_metrics.view_of(request), status, seconds)
    fields = {
        "method": request.method,
        "path": redact_path(request),
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
    }
    level = logging.DEBUG if request.path in HEALTH_PATHS and status < 500 else logging.INFO
    logger.log(level, "request", extra={"fields": fields})
    return response
