"""The URL of the MCP endpoint."""

from functools import cache
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

if TYPE_CHECKING:
    from memories.mcp.view import View


@csrf_exempt
def mcp_endpoint(request: HttpRequest) -> HttpResponse:
    """Handle a request. The first one loads the SDK, which takes a second and 30 MB per process."""
    return _load_endpoint()(request)


@cache
def _load_endpoint() -> "View":
    from memories.mcp.server import SERVER
    from memories.mcp.view import create_endpoint

    return create_endpoint(SERVER)


app_name = "mcp"
urlpatterns = [re_path(r"^mcp/?$", mcp_endpoint, name="endpoint")]  # accepts a final slash too
