"""Many connections that come at once are shared by the web workers."""

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
from gunicorn.workers.gasgi import ASGIWorker

from picard import gunicorn
from picard.server.gunicorn_worker import SharingWorker

CLIENTS = 50
USUAL_OF_PROXIES_S = 60


def test_the_shipped_server_uses_it() -> None:
    assert gunicorn.worker_class == f"{SharingWorker.__module__}.{SharingWorker.__name__}"


def test_an_idle_connection_is_ended_by_the_client_first() -> None:
    """A request that is sent while the server ends it would be lost."""
    assert gunicorn.keepalive > max(httpx.Limits().keepalive_expiry or 0, USUAL_OF_PROXIES_S)


def test_a_worker_takes_one_connection_a_turn_and_none_is_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken_after_turn: list[int] = []

    async def serve(
        loop: asyncio.AbstractEventLoop, listening: socket.socket, clients: contextlib.ExitStack
    ) -> None:
        connections: list[asyncio.BaseTransport] = []

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connections.append(transport)

        server = await loop.create_server(Protocol, sock=listening, reuse_address=True, start_serving=True)
        for _ in range(CLIENTS):  # nobody takes them yet: all fit into the kernel's queue
            clients.enter_context(socket.create_connection(listening.getsockname(), timeout=5))
        while len(connections) < CLIENTS:
            await asyncio.sleep(0)
            taken_after_turn.append(len(connections))
        server.close()
        for connection in connections:
            connection.close()
        await asyncio.sleep(0)

    worker = SharingWorker.__new__(SharingWorker)
    worker.cfg = SimpleNamespace(backlog=2 * CLIENTS)
    worker.loop = asyncio.new_event_loop()
    with contextlib.ExitStack() as stack:
        stack.callback(worker.loop.close)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2 * CLIENTS))
        monkeypatch.setattr(
            ASGIWorker, "run", lambda self: self.loop.run_until_complete(serve(self.loop, listening, stack))
        )
        with ThreadPoolExecutor(1) as thread:  # this one may have a browser's loop
            thread.submit(worker.run).result()

    assert (
        max(after - before for before, after in zip([0, *taken_after_turn], taken_after_turn, strict=False))
        == 1
    )
