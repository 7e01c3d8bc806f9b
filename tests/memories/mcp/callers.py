"""Apps that speak the protocol to the endpoint, and what they are answered."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client

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
    """Sends one message a request. `client` is Django's, with or without a session."""

    token: str = ""
    client: Client = field(default_factory=Client)
    revision: str = MODERN

    def post(self, body: bytes, **headers: str) -> Any:
        own = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": self.revision}
        if self.token:
            own["Authorization"] = f"Bearer {self.token}"
        return self.client.generic(
            "POST", "/mcp", body, content_type="application/json", headers={**own, **headers}
        )

    def ask(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> "Answer":
        given = dict(params or {})
        if self.revision == MODERN:
            given["_meta"] = ENVELOPE
            headers |= {"Mcp-Method": method}
            if name := given.get("name") or given.get("uri"):
                headers |= {"Mcp-Name": name}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
        return Answer(self.post(json.dumps(message).encode(), **headers))

    def call(self, tool: str, /, **arguments: Any) -> "Answer":
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def read(self, uri: str) -> "Answer":
        return self.ask("resources/read", {"uri": uri})


class Answer:
    """A response of the endpoint."""

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
    def said(self) -> Any:
        """What a tool answered: the same as structured content and as text."""
        assert not self.result.get("isError"), self.json
        [item] = self.result["content"]
        assert json.loads(item["text"]) == self.result["structuredContent"]
        return self.result["structuredContent"]

    @property
    def refused(self) -> str:
        """What a tool told the model, that did not do what it was asked."""
        assert self.result["isError"] is True, self.json
        [item] = self.result["content"]
        words: str = item["text"]
        return words

    @property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.said["results"]]


def app_of(user: User, *held: str, app: App | None = None, path: str = MCP, **given: Any) -> Caller:
    """An app of this person by its token, with these scopes (reading and writing by default)."""
    return Caller(
        access_token(user, app or make_app(), *(held or (scopes.READ, scopes.WRITE)), path=path, **given)
    )


def page_of(memory_id: Any) -> str:
    return f"{settings.PUBLIC_URL}/memories/{memory_id}/"
