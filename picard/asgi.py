"""ASGI application, served by gunicorn (picard/gunicorn.py)."""

from collections.abc import Callable

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished
from django.db import connections
from django.dispatch import receiver

from picard.server.clients import ClientDirectory
from picard.server.gateway import Gateway
from picard.server.limits import get_limits
from picard.wsgi import application as wsgi_application  # also selects the settings

# Liveness, which must not wait for a thread.
NATIVE_PATHS = ("/healthz", "/health")

# Paths that accept large files.
UPLOAD_PATHS = ("/memories/import/", "/api/v1/import/")


def _rejection_recorder() -> Callable[[str, int, float], None]:
    if not settings.METRICS_TOKEN:
        return lambda *_: None
    from picard.observability.http_metrics import record_rejection

    return record_rejection


application = Gateway(
    get_asgi_application(),
    wsgi_application,
    threads=settings.WEB_THREADS,
    clients=ClientDirectory(),
    request_limit=get_limits().requests,
    upload_limit=get_limits().uploads,
    max_body_bytes=settings.MAX_BODY_BYTES,
    native_paths=NATIVE_PATHS,
    upload_paths=UPLOAD_PATHS,
    max_upload_bytes=settings.MAX_IMPORT_BYTES,
    on_rejection=_rejection_recorder(),
)


@receiver(request_finished, sender=ASGIHandler)
def close_connections_of_native_requests(**_: object) -> None:
    """Close the connections of a native request: it has its own thread, so they would never be reused."""
    connections.close_all()
