"""One request of an app: who asks, and where its work on the database is done."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest
from mcp.server.context import ServerRequestContext

from accounts.actor import Actor

POOL_EXTENSION = "picard.pool"  # the ASGI extension by which picard/server/gateway.py lends its threads
SCOPE_KEY = "picard.call"  # in the scope that the SDK hands from the view to the tools

T = TypeVar("T")


@dataclass(frozen=True)
class CallContext:
    """An authenticated request. `request` is what runs its work (see `run_in_thread`)."""

    actor: Actor
    request: HttpRequest

    async def run_in_thread(self, work: Callable[[Actor], T]) -> T:
        """Work on the actor's behalf, in a thread that may wait for the database."""
        return await run_in_thread(self.request, lambda: work(self.actor))


def get_call_context(context: ServerRequestContext[Any, Any]) -> CallContext:
    return cast(CallContext, cast(Any, context.request).scope[SCOPE_KEY])


async def run_in_thread(request: HttpRequest, work: Callable[[], T]) -> T:
    """The outcome of `work`, done where blocking is allowed.

    Behind the front that is its bounded pool, whose threads keep their connections. Elsewhere it is the request's own
    thread, whose connection Django looks after. Work that waits for a thread is dropped when the client goes; work
    that has begun ends, whole.
    """
    pool = _get_pool(request)
    if pool is None:
        return await sync_to_async(work)()
    run = contextvars.copy_context().run
    return await asyncio.get_running_loop().run_in_executor(pool, run, _run_with_connection, work)


def _get_pool(request: HttpRequest) -> Executor | None:
    extensions = request.scope.get("extensions", {}) if isinstance(request, ASGIRequest) else {}
    pool: Executor | None = extensions.get(POOL_EXTENSION)
    return pool


def _run_with_connection(work: Callable[[], T]) -> T:
    """As Django does around a request: the connection is checked when it was idle, and left for the next."""
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
