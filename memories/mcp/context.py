"""The context of a request: its actor, and the threads for its database work."""

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

POOL_EXTENSION = "picard.pool"  # ASGI extension with the thread pool of picard/server/gateway.py
SCOPE_KEY = "picard.call"  # in the ASGI scope that the SDK passes from the view to the tools

T = TypeVar("T")


@dataclass(frozen=True)
class CallContext:
    """An authenticated request; `request` determines the thread pool (see `run_in_thread`)."""

    actor: Actor
    request: HttpRequest

    async def run_in_thread(self, work: Callable[[Actor], T]) -> T:
        """Run `work` for the actor in a thread that may block on the database."""
        return await run_in_thread(self.request, lambda: work(self.actor))


def get_call_context(context: ServerRequestContext[Any, Any]) -> CallContext:
    return cast(CallContext, cast(Any, context.request).scope[SCOPE_KEY])


async def run_in_thread(request: HttpRequest, work: Callable[[], T]) -> T:
    """Run `work` in a thread that may block, and return its result.

    Behind the gateway that is a thread of its bounded pool, which keeps its database connection. Elsewhere it is the
    request's own thread, whose connection Django manages. If the client disconnects, queued work is dropped, while
    work that has started runs to its end.
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
    """Run `work`, checking the connection before and after as Django does around a request."""
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
