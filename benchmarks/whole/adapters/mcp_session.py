"""A session of MCP over streamable HTTP, for servers that take no call without one."""

from collections.abc import Sequence

from benchmarks.whole.setup import post

REVISION = "2025-06-18"


def open_session(port: int, path: str, headers: Sequence[str]) -> list[str]:
    """Initialize a session. Returns the lines of all headers of its requests. Raises OSError if it is refused."""
    lines = [*headers, f"MCP-Protocol-Version: {REVISION}"]
    client = {"name": "benchmark", "version": "1"}
    params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": client}
    session = _send(port, path, lines, {"id": 1, "method": "initialize", "params": params})
    if session:
        lines.append(f"Mcp-Session-Id: {session}")
    _send(port, path, lines, {"method": "notifications/initialized"})
    return lines


def _send(port: int, path: str, lines: Sequence[str], message: dict[str, object]) -> str:
    """Send a message and return the session's ID, empty if the answer has none."""
    headers = dict(line.split(": ", 1) for line in lines)
    headers["Accept"] = "application/json, text/event-stream"
    response, _ = post(port, path, {"jsonrpc": "2.0", **message}, headers)
    return response.getheader("Mcp-Session-Id", "")
