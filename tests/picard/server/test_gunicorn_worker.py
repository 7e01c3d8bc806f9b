"""gunicorn worker: web workers share many simultaneous connections."""

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
from gunicorn.workers.gasgi import ASGIWorker
from pytest_django import Settings

from picard import gunicorn
from picard.server.gunicorn_worker import SharingWorker
from tests.processes import free_port

CLIENTS = 50
PROXY_KEEPALIVE_S = 60


def test_gunicorn_configuration_uses_the_worker() -> None:
    assert gunicorn.worker_class == f"{SharingWorker.__module__}.{SharingWorker.__name__}"


def test_clients_close_idle_connections_first() -> None:
    """A request sent while the server closes the connection would be lost."""
    assert gunicorn.keepalive > max(httpx.Limits().keepalive_expiry or 0, PROXY_KEEPALIVE_S)


def test_worker_accepts_one_connection_per_turn_and_rejects_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accepted_after_turn: list[int] = []

    async def serve(
        loop: asyncio.AbstractEventLoop, listening: socket.socket, clients: contextlib.ExitStack
    ) -> None:
        connections: list[asyncio.BaseTransport] = []

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                connections.append(transport)

        server = await loop.create_server(Protocol, sock=listening, reuse_address=True, start_serving=True)
        for _ in range(CLIENTS):  # not accepted yet: all fit into the kernel's queue
            clients.enter_context(socket.create_connection(listening.getsockname(), timeout=5))
        while len(connections) < CLIENTS:
            await asyncio.sleep(0)
            accepted_after_turn.append(len(connections))
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
        with ThreadPoolExecutor(1) as thread:  # this thread may have a browser's event loop
            thread.submit(worker.run).result()

    assert (
        max(
            after - before
            for before, after in zip([0, *accepted_after_turn], accepted_after_turn, strict=False)
        )
        == 1
    )


def test_server_listens_on_both_loopback_addresses(settings: Settings) -> None:
    """`localhost` means either; and a server without IPv6, or with another program there, still starts."""
    settings.PORT = free_port()
    ipv4, ipv6 = f"127.0.0.1:{settings.PORT}", f"[::1]:{settings.PORT}"
    try:
        other = socket.create_server(("::1", settings.PORT), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with other:
        assert gunicorn.list_addresses() == [ipv4]
    assert gunicorn.list_addresses() == [ipv4, ipv6]
    for address, listed in (("192.0.2.1", "192.0.2.1"), ("::", "[::]")):
        settings.BIND = address
        assert gunicorn.list_addresses() == [f"{listed}:{settings.PORT}"]
