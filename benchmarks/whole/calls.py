"""How a running server is called: its requests as bytes, and what its answers must contain."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from benchmarks.clients import END_OF_HEAD, parse_status

BuildRequest = Callable[[str, str], bytes]  # (user, text or question) -> a complete request
ReadTexts = Callable[[Any], list[str]]  # the JSON of an answer -> the texts found, best first
REST, MCP = "REST", "MCP"
RESULT_COUNT = 10
MESSAGE_IDS = itertools.count(10)  # those of a session must differ


@dataclass(frozen=True)
class Call:
    """An operation of a running server.

    `marker`: bytes that every successful answer contains, and none that found or stored nothing. `read_texts`: of a
    search whose answer has texts.
    """

    port: int
    build: BuildRequest
    marker: bytes
    status: int = HTTPStatus.OK
    read_texts: ReadTexts | None = None

    def is_success(self, response: bytearray) -> bool:
        return parse_status(response) == self.status and self.marker in response


@dataclass(frozen=True)
class RunningServer:
    """A server that runs. Its calls by protocol, the first of which fills it.

    `note`: how it is set up. `embeds`: False if its clients embed. `wait_until_indexed`: of a server that indexes after
    the answer to an addition.
    """

    searches: Mapping[str, Call]
    additions: Mapping[str, Call]
    versions: Mapping[str, str]
    note: str = ""
    embeds: bool = True
    wait_until_indexed: Callable[[], None] | None = None


@dataclass
class CallRequests:
    """Requests of one call, each used once. Keeps the first failed answer, and the last one of all."""

    call: Call
    calls: Iterator[tuple[str, str]]  # user, and text or question
    failure: bytes = b""
    last: bytes = field(default=b"", repr=False)

    @property
    def port(self) -> int:
        return self.call.port

    def next_request(self) -> bytes | None:
        pair = next(self.calls, None)
        return None if pair is None else self.call.build(*pair)

    def is_success(self, response: bytearray) -> bool:
        self.last = bytes(response)
        is_success = self.call.is_success(response)
        if not (is_success or self.failure):
            self.failure = self.last
        return is_success


def build_post(path: str, body: object, headers: Sequence[str] = (), *, method: str = "POST") -> bytes:
    """Build a request with a JSON body. `headers`: lines without line endings."""
    content = json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json",
        f"Content-Length: {len(content)}", *headers,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + END_OF_HEAD + content


def build_tool_call(
    path: str, name: str, arguments: object, headers: Sequence[str], **params: object
) -> bytes:
    """Build a call of an MCP tool over streamable HTTP."""
    message = {
        "jsonrpc": "2.0",
        "id": next(MESSAGE_IDS),
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments, **params},
    }
    return build_post(path, message, ["Accept: application/json, text/event-stream", *headers])


def parse_body(response: bytes) -> Any:
    """Return the JSON of an answer: its body, or the first event of a stream. Raises ValueError without any."""
    head, _, body = response.partition(END_OF_HEAD)
    if b"transfer-encoding: chunked" in head.lower():
        body = b"".join(_iterate_chunks(body))
    if b"content-type: text/event-stream" in head.lower():
        body = next(line for line in body.splitlines() if line.startswith(b"data: ")).removeprefix(b"data: ")
    return json.loads(body)


def _iterate_chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            return
        yield rest[:length]
        body = rest[length + 2 :]
