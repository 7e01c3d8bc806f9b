"""gunicorn's ASGI worker, which shares the connections with the other workers, and waits for no idle one to stop."""

import socket
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from gunicorn.workers.gasgi import ASGIWorker


class SharingWorker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Takes one connection at a time, so that of many that come at once the others get some too.

    asyncio takes up to a hundred in a row; clients that keep their connections then leave one worker idle.
    """

    def run(self) -> None:
        create_server = self.loop.create_server
        self.connections: WeakSet[Any] = WeakSet()

        async def taking_one_at_a_time(
            protocol: Callable[[], Any], *, sock: socket.socket, **how: object
        ) -> object:
            def connection() -> Any:
                made = protocol()
                self.connections.add(made)
                return made

            server = await create_server(connection, sock=sock, backlog=1, **how)
            sock.listen(self.cfg.backlog)  # for asyncio the backlog is also how many may wait in the kernel
            return server

        self.loop.create_server = taking_one_at_a_time
        super().run()

    async def _shutdown(self) -> None:
        """Requests under way are answered; a connection on which nobody asks anything would only take the time."""
        for connection in tuple(self.connections):
            if connection._awaiting_request and not connection._finishing_calls:
                connection._keepalive_timeout()  # as if it had been idle for too long
        await super()._shutdown()
