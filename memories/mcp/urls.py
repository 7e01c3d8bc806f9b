"""Where AI apps connect."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest, HttpResponseBase
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

if TYPE_CHECKING:
    from memories.mcp.view import View


@csrf_exempt
async def mcp(request: HttpRequest) -> HttpResponseBase:
    """The SDK takes a second and 30 MB a process: the first app that comes has it loaded."""
    if not _endpoint.cache_info().currsize:
        await asyncio.to_thread(_endpoint)
    return await _endpoint()(request)


@cache
def _endpoint() -> "View":
    from memories.mcp.server import SERVER
    from memories.mcp.view import endpoint

    return endpoint(SERVER)


app_name = "mcp"
urlpatterns = [re_path(r"^mcp/?$", cast(Any, mcp), name="endpoint")]  # a slash is easily typed
