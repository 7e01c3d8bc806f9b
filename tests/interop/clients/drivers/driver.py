"""What the programs on Python libraries share; each runs in the virtual environment of its library.

A listener for the callback, and JSON-RPC over stdin and stdout, so that the tests drive them like any stdio server.
"""

import asyncio
import json
import os
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT_DOCUMENT = os.environ.get("CLIENT_DOCUMENT") or None
Methods = dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]


class Browser:
    """Opens URLs in the user's browser and receives the callback on a loopback port."""

    async def listen(self) -> "Browser":
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.redirect_uri = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/callback"
        return self

    async def open(self, url: str) -> None:
        self.callback: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        await asyncio.to_thread(webbrowser.open, url)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _method, target, _version = (await reader.readline()).decode().split()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK")
        await writer.drain()
        writer.close()
        self.callback.set_result(
            {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        )


class Storage:
    """The TokenStorage of the Python SDK, in memory."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def serve(methods: Methods) -> None:
    """Answer requests until stdin ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        if "id" not in request:
            continue
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            method = methods.get(request["method"])
            answer["result"] = await method(request.get("params") or {}) if method else {}
        except Exception as error:  # noqa: BLE001 - the tests read every error
            answer["error"] = {"code": -32000, "message": _describe(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _describe(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
