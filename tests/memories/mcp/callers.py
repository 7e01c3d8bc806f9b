"""MCP clients for tests."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import AsyncClient, Client

from accounts.models import User
from memories import scopes
from tests.oauth.flows import MCP, App, access_token, make_app

MODERN, LEGACY = "2026-07-28", "2025-11-25"
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Caller:
    """Sends one message per request. `client` is the Django test client, with or without a session."""

    token: str = ""
    client: Client | AsyncClient = field(default_factory=Client)
    revision: str = MODERN

    def post(self, body: bytes, **headers: str) -> Any:
        default_headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": self.revision,
        }
        if self.token:
            default_headers["Authorization"] = f"Bearer {self.token}"
        return self.client.generic(
            "POST", "/mcp", body, content_type="application/json", headers={**default_headers, **headers}
        )

    def ask(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> "Answer":
        message_params = dict(params or {})
        if self.revision == MODERN:
            message_params["_meta"] = ENVELOPE
            headers |= {"Mcp-Method": method}
            if name := message_params.get("name") or message_params.get("uri"):
                headers |= {"Mcp-Name": name}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": message_params}
        return Answer(self.post(json.dumps(message).encode(), **headers))

    def call(self, tool: str, /, **arguments: Any) -> "Answer":
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def read(self, uri: str) -> "Answer":
        return self.ask("resources/read", {"uri": uri})


class Answer:
    """A response of the MCP endpoint."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.headers = response.headers
        self.content: bytes = response.content
        self.json: Any = json.loads(response.content) if response.content else None

    @property
    def result(self) -> Any:
        assert "result" in self.json, self.json
        return self.json["result"]

    @property
    def data(self) -> Any:
        """The result of a tool, which must be equal as structured content and as text."""
        assert not self.result.get("isError"), self.json
        [item] = self.result["content"]
        assert json.loads(item["text"]) == self.result["structuredContent"]
        return self.result["structuredContent"]

    @property
    def text(self) -> str:
        """The result of a tool that returns a text, not JSON."""
        assert not self.result.get("isError"), self.json
        [item] = self.result["content"]
        text: str = item["text"]
        assert self.result["structuredContent"] == {"text": text}
        return text

    @property
    def error_text(self) -> str:
        """The error message of a tool."""
        assert self.result["isError"] is True, self.json
        [item] = self.result["content"]
        text: str = item["text"]
        return text

    said, refused = data, error_text

    @property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.data["results"]]


def app_of(
    user: User, *granted: str, app: App | None = None, path: str = MCP, **token_options: Any
) -> Caller:
    """Return an app connected by this user with these scopes (read and write by default)."""
    return Caller(
        access_token(
            user, app or make_app(), *(granted or (scopes.READ, scopes.WRITE)), path=path, **token_options
        )
    )


def page_of(memory_id: Any) -> str:
    return f"{settings.PUBLIC_URL}/memories/{memory_id}/"
