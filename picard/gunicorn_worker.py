"""gunicorn's ASGI worker, which shares the connections with the other workers."""

import socket
from collections.abc import Callable
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker


class SharingWorker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Takes one connection at a time, so that of many that come at once the others get some too.

    asyncio takes up to a hundred in a row; clients that keep their connections then leave one worker idle.
    """

    def run(self) -> None:
        create_server = self.loop.create_server

        async def taking_one_at_a_time(
            protocol: Callable[[], Any], *, sock: socket.socket, **how: Any
        ) -> Any:
            server = await create_server(protocol, sock=sock, backlog=1, **how)
            sock.listen(self.cfg.backlog)  # for asyncio the backlog is also how many may wait in the kernel
            return server

        self.loop.create_server = taking_one_at_a_time
        super().run()
