"""Origins of web pages that can use the endpoint. Requests without an Origin are always allowed."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from core.cors import ANY_ORIGIN, PREFLIGHT
from core.hosts import LOOPBACK_HOSTS, parse_origin
from memories.mcp.errors import OriginNotAllowed


def check_origin(request: HttpRequest) -> None:
    """Raise OriginNotAllowed for an unknown origin. Django has already validated the Host."""
    if not _is_allowed(request.headers.get("Origin")):
        raise OriginNotAllowed


def add_cors_headers(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Add CORS headers for an allowed origin (Fetch standard), never with credentials."""
    origin = request.headers.get("Origin")
    patch_vary_headers(response, ["Origin"])
    if origin and _is_allowed(origin):
        headers = {**ANY_ORIGIN, **(PREFLIGHT if request.method == "OPTIONS" else {})}
        for name, value in {**headers, "Access-Control-Allow-Origin": origin}.items():
            response[name] = value
    return response


def _is_allowed(origin: str | None) -> bool:
    if origin is None:
        return True
    parsed = parse_origin(origin)
    if parsed is None:
        return False
    allowed = map(parse_origin, [settings.PUBLIC_URL, *settings.MCP_ORIGINS])
    return parsed in allowed or parsed.host in LOOPBACK_HOSTS  # developer tools such as the MCP Inspector
