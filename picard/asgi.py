"""What gunicorn serves: `gunicorn picard.asgi:application -k asgi`."""

from django.conf import settings
from django.core.asgi import get_asgi_application

from picard.front import Front
from picard.wsgi import application as wsgi_application  # names the settings, too

# Streams, and the question whether the server is alive, which must not wait for a thread.
NATIVE_PATHS = ("/mcp", "/healthz", "/health")

application = Front(
    get_asgi_application(),
    wsgi_application,
    threads=settings.WEB_THREADS,
    max_body_bytes=settings.MAX_BODY_BYTES,
    native_paths=getattr(settings, "NATIVE_PATHS", NATIVE_PATHS),
)
