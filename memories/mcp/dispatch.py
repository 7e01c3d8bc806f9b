"""Pass one request to the SDK's handlers, and return the JSON-RPC response.

The SDK's `ServerRunner` validates the parameters, calls the handler and validates the result, by the revision of the
protocol. Its sessions and transports are for connections with several messages, and would cost more than a search: what
they check of a single request is here.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import ServerRunner, modern_error_data
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    InboundLadderRejection,
    classify_inbound_request,
)
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import DEFAULT_NEGOTIATED_VERSION, ProgressToken, RequestId
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic_core import to_json

from memories.mcp.context import CallContext, MustWait
from memories.mcp.messages import Message

T = TypeVar("T")
Report = Callable[[bytes], object]  # takes the JSON of a notification that precedes the result

_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


class Outcome(NamedTuple):
    """A JSON-RPC response, and its HTTP status."""

    content: bytes
    status: int = 200


async def handle_request(
    server: Server[Any], call: CallContext, message: Message, revision: str | None, report: Report
) -> Outcome:
    """Return the result or the error of a request. Raises MustWait."""
    envelope = {"jsonrpc": "2.0", "id": message["id"]}
    try:
        result = await _call_handler(server, call, message, revision, report)
    except MustWait:
        raise
    except Exception as exception:  # noqa: BLE001 - the SDK logs and names those that it does not know
        error = modern_error_data(exception)
        # Before 2026-07-28, a response to a request is a 200.
        status = ERROR_CODE_HTTP_STATUS.get(error.code, 200) if revision in MODERN_PROTOCOL_VERSIONS else 200
        return Outcome(to_json({**envelope, "error": error.model_dump(exclude_none=True)}), status)
    return Outcome(to_json({**envelope, "result": result}))


def run_in_this_thread(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that waits for nothing. It may block: no event loop runs it."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("A handler waited outside of an event loop.")


async def _call_handler(
    server: Server[Any], call: CallContext, message: Message, revision: str | None, report: Report
) -> dict[str, Any]:
    exchange = _Exchange(
        request_id=message["id"],
        message_metadata=ServerMessageMetadata(request_context=call),
        progress_token=progress_token_from_params(message["params"]),
        report=report,
    )
    runner = ServerRunner(server, _connect(call, message, revision), {})
    return await runner.on_request(exchange, message["method"], message["params"])


def _connect(call: CallContext, message: Message, revision: str | None) -> Connection:
    """Return what the SDK knows of a client. Since 2026-07-28 each request says it; headers repeat some of it."""
    if revision not in MODERN_PROTOCOL_VERSIONS:
        return Connection.from_envelope(revision or DEFAULT_NEGOTIATED_VERSION, None, None)
    headers = {name: call.request.headers.get(name) for name in (MCP_METHOD_HEADER, MCP_NAME_HEADER)}
    given = {name: value for name, value in headers.items() if value is not None}
    route = classify_inbound_request(message, headers={MCP_PROTOCOL_VERSION_HEADER: revision, **given})
    if isinstance(route, InboundLadderRejection):
        raise MCPError(route.code, route.message, route.data)
    return Connection.from_envelope(route.protocol_version, route.client_info, route.client_capabilities)


@dataclass(frozen=True, kw_only=True)
class _Exchange:
    """The SDK's `DispatchContext` of one request: handlers can report something, but ask the client nothing."""

    request_id: RequestId
    message_metadata: ServerMessageMetadata
    progress_token: ProgressToken | None
    report: Report
    transport = _TRANSPORT
    can_send_request = False

    @property
    def cancel_requested(self) -> Any:
        """Never set: no message cancels a request, because there is no session; its task is cancelled."""
        return asyncio.Event()

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: Any = None
    ) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        given = {} if params is None else {"params": params}
        self.report(to_json({"jsonrpc": "2.0", "method": method, **given}))

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        if self.progress_token is not None:
            values = {
                "progressToken": self.progress_token,
                "progress": progress,
                "total": total,
                "message": message,
            }
            await self.notify(
                "notifications/progress", {name: value for name, value in values.items() if value is not None}
            )
