"""Where AI apps connect."""

from typing import Any, cast

from django.urls import path

from memories.mcp.server import SERVER
from memories.mcp.view import endpoint

app_name = "mcp"
urlpatterns = [path("mcp", cast(Any, endpoint(SERVER)), name="endpoint")]
