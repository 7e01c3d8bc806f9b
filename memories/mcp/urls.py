"""The URL of the MCP endpoint."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest, HttpResponseBase
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

if TYPE_CHECKING:
    from memories.mcp.view import View


@csrf_exempt
async def mcp_endpoint(request: HttpRequest) -> HttpResponseBase:
    """Handle a request. The first one loads the SDK, which takes a second and 30 MB per process."""
    if not _load_endpoint.cache_info().currsize:
        await asyncio.to_thread(_load_endpoint)
    return await _load_endpoint()(request)


@cache
def _load_endpoint() -> "View":
    from memories.mcp.server import SERVER
    from memories.mcp.view import create_endpoint

    return create_endpoint(SERVER)


app_name = "mcp"
urlpatterns = [re_path(r"^mcp/?$", cast(Any, mcp_endpoint), name="endpoint")]  # accepts a final slash too
