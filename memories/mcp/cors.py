"""Origins of web pages that can use the endpoint. Requests without an Origin are always allowed."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from core.hosts import LOOPBACK_HOSTS
from memories.mcp.errors import OriginNotAllowed

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID"
)
EXPOSED_HEADERS = "WWW-Authenticate, Retry-After, X-Request-ID"


def check_origin(request: HttpRequest) -> None:
    """Raise OriginNotAllowed for an unknown origin. Django has already validated the Host."""
    if not _is_allowed(request.headers.get("Origin")):
        raise OriginNotAllowed


def add_cors_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Add CORS headers for an allowed origin (Fetch standard), never with credentials."""
    origin = request.headers.get("Origin")
    patch_vary_headers(response, ["Origin"])
    if origin and _is_allowed(origin):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if request.method == "OPTIONS":
            response["Access-Control-Allow-Methods"] = "POST"
            response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response["Access-Control-Max-Age"] = "3600"
    return response


def _is_allowed(origin: str | None) -> bool:
    if origin is None or origin == settings.PUBLIC_URL or origin in settings.MCP_ORIGINS:
        return True
    try:
        return urlsplit(origin).hostname in LOOPBACK_HOSTS  # developer tools such as the MCP Inspector
    except ValueError:
        return False
