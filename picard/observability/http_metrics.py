"""Metrics of HTTP requests and their durations. Imported only if METRICS_TOKEN is set.

Behind gunicorn, values are stored in files that its processes share (picard/server/metrics_folder.py), otherwise in
this process. Labels are route names and methods, never URLs, which may contain a user's data.
"""

import logging
from http import HTTPMethod

from django.conf import settings
from django.http import HttpRequest
from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from picard.server import metrics_folder

if metrics_folder.shared_folder():  # by default, a file belongs to a process ID
    values.ValueClass = values.MultiProcessValue(metrics_folder.slot)  # type: ignore[no-untyped-call]

METHODS = frozenset(HTTPMethod)
IN_THIS_PROCESS = CollectorRegistry()
REQUESTS = Counter("http_requests", "HTTP requests.", ("method", "view", "status"), registry=IN_THIS_PROCESS)
DURATION = Histogram(
    "http_request_duration_seconds",
    "Seconds from a request to the beginning of its response.",
    ("method", "view"),
    registry=IN_THIS_PROCESS,
)

logger = logging.getLogger(__name__)


def record_request(method: str | None, view: str, status: int, seconds: float) -> None:
    """Count a request. Never raises: if the shared files cannot be written, it is not counted."""
    known_method = method if method in METHODS else "other"
    try:
        REQUESTS.labels(known_method, view, status).inc()
        DURATION.labels(known_method, view).observe(seconds)
    except (OSError, RuntimeError):  # RuntimeError: a damaged file
        logger.warning("Counting a request failed.", exc_info=True)


def record_rejection(method: str, status: int, seconds: float) -> None:
    """Count a request that the gateway rejected: too large, too slow, or too many."""
    record_request(method, "gateway", status, seconds)


def view_of(request: HttpRequest) -> str:
    """Return the route's name, such as `memories:list`, or its function if it has no name."""
    if request.resolver_match is not None:
        return request.resolver_match.view_name
    return "static" if request.path.startswith(str(settings.STATIC_URL)) else "unmatched"


def collector() -> Collector:
    """Return the collector of all processes of the web server."""
    folder = metrics_folder.shared_folder()
    if folder is None:
        return IN_THIS_PROCESS
    return MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
