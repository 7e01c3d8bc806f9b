"""A slow chat model: it sends its first words at once, and the rest when released or after a pause."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

FIRST, SECOND = "First [1] ", "second."
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class SlowModel:
    """A server of the OpenAI API. waiting: answers with first words only; second_at: when each continued."""

    port: int = 0
    pause_s: float = 0.0
    waiting: int = 0
    second_at: list[float] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_parse_content_length(head))
        writer.write(HEAD + _format_event(FIRST))
        await writer.drain()
        self.waiting += 1
        try:
            await self.go_on.wait()
            await asyncio.sleep(self.pause_s)
        finally:
            self.waiting -= 1
        self.second_at.append(time.perf_counter())
        writer.write(_format_event(SECOND, "stop") + b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def run_slow_model(port: int) -> AsyncIterator[SlowModel]:
    """Run the model during the block, on this port of 127.0.0.1."""
    model = SlowModel(port)
    server = await asyncio.start_server(model.answer, "127.0.0.1", port)
    try:
        yield model
    finally:
        model.go_on.set()
        server.close()


def _parse_content_length(head: bytes) -> int:
    [line] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(line.split(b":")[1])


def _format_event(text: str, finish_reason: str | None = None) -> bytes:
    delta = {"role": "assistant", "content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "slow", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(chunk).encode()
