"""gunicorn's ASGI worker with fair sharing of new connections and a shutdown that closes idle ones."""

import socket
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from gunicorn.workers.gasgi import ASGIWorker


class SharingWorker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Accepts one connection per turn of the event loop, so that the workers share many simultaneous ones.

    asyncio accepts up to a hundred in a row; with persistent connections, another worker may then stay idle.
    """

    def run(self) -> None:
        create_server = self.loop.create_server
        self.connections: WeakSet[Any] = WeakSet()

        async def create_sharing_server(
            protocol_factory: Callable[[], Any], *, sock: socket.socket, **options: object
        ) -> object:
            def create_protocol() -> Any:
                protocol = protocol_factory()
                self.connections.add(protocol)
                return protocol

            server = await create_server(create_protocol, sock=sock, backlog=1, **options)
            sock.listen(self.cfg.backlog)  # asyncio also set the kernel's queue to its backlog of 1
            return server

        self.loop.create_server = create_sharing_server
        super().run()

    async def _shutdown(self) -> None:
        """Finish requests in flight, and close idle connections instead of waiting for them."""
        for connection in tuple(self.connections):
            if connection._awaiting_request and not connection._finishing_calls:
                connection._keepalive_timeout()  # as if its keep-alive had timed out
        await super()._shutdown()
