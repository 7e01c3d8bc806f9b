"""A running client: what it is started with, and how the test makes it call tools."""

import json
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from tests.interop import node
from tests.interop.clients.browser import Browser
from tests.processes import PROJECT

TIMEOUT_S = 60.0  # generous: a client that waits for ever is the fault that this limit finds


class ClientError(Exception):
    """The client reported an error, or gave no answer."""


class Connection(Protocol):
    """A started client. Every method but `close` raises ClientError."""

    timeout_s: float

    def list_tools(self) -> list[str]: ...
    def call_tool(self, name: str, **arguments: Any) -> dict[str, Any]: ...
    def log_in(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Start:
    """What a client gets: the address alone. `document` is the URL of its metadata, if it is to use one."""

    url: str
    browser: Browser
    folder: Path
    document: str = ""

    def build_environment(self, **variables: str) -> dict[str, str]:
        """Return an environment with an empty home, and the browser as the one that opens URLs."""
        path = self.browser.environment["PATH"]
        environment = {**node.build_environment(), **self.browser.environment}
        for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY"):  # with CI, or with another browser on a screen
            environment.pop(name, None)
        home = {"HOME": str(self.folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
        node_path = {"PATH": f"{node.find_node().parent}:{path}"}
        return {**environment, **home, **node_path, "CLIENT_DOCUMENT": self.document, **variables}


class Session:
    """A program that calls tools over JSON-RPC on stdin and stdout, like a stdio server. Its log is in `folder`."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.timeout_s = TIMEOUT_S
        self._log_file = folder / "log"
        self._log = self._log_file.open("wb")
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._last_id = 0
        try:
            self.request("initialize", self.build_handshake())
            self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        except ClientError:
            self.close()
            raise

    def build_handshake(self) -> dict[str, Any]:
        client = {"name": "matrix", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}

    def list_tools(self) -> list[str]:
        return [tool["name"] for tool in self.request("tools/list", {})["tools"]]

    def call_tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured content."""
        return read_result(self.request("tools/call", {"name": name, "arguments": arguments}))

    def log_in(self) -> None:
        """Do what the client tells its user to do when its access was revoked."""
        self.request("login", {})

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result. Raises ClientError, also if the program ends or does not answer in time."""
        self._last_id += 1
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        while True:
            try:
                line = self._lines.get(timeout=self.timeout_s)
            except Empty:
                raise ClientError(f"no answer within {self.timeout_s:.0f} s") from None
            if not line:
                raise ClientError(f"the program ended: {self._read_log()}")
            message = json.loads(line) if line.startswith("{") else {}
            if message.get("id") == self._last_id and "method" not in message:
                if "error" in message:
                    raise ClientError(message["error"]["message"])
                result: dict[str, Any] = message["result"]
                return result

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        self._log.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ClientError(f"the program ended: {self._read_log()}") from None

    def _read_log(self) -> str:
        lines = self._log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")


def read_result(result: dict[str, Any]) -> dict[str, Any]:
    """Return the structured content of a tool's result. Raises ClientError for an error."""
    if result.get("isError"):
        raise ClientError(result["content"][0]["text"])
    content: dict[str, Any] = result.get("structuredContent") or json.loads(result["content"][0]["text"])
    return content
