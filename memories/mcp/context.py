"""The context of a request: its actor, and what it waits for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest
from mcp.server.context import ServerRequestContext

from accounts.actor import Actor


@dataclass(frozen=True)
class DeferredResult:
    """A result that is awaited without blocking a thread, as the answer of a chat model."""

    get_result: Callable[[], Awaitable[Any]]


class MustWait(Exception):
    """A handler has to wait for a result. The event loop then handles the message again, with what is prepared."""

    def __init__(self, deferred: DeferredResult) -> None:
        super().__init__()
        self.deferred = deferred


@dataclass(frozen=True)
class CallContext:
    """An authenticated request. `prepared`: the result to wait for; only the event loop has one."""

    actor: Actor
    request: HttpRequest
    prepared: DeferredResult | None = None

    async def wait_for(self, deferred: DeferredResult) -> Any:
        """Return the result on the event loop. Raises MustWait in a thread, which would be blocked meanwhile."""
        if self.prepared is None:
            raise MustWait(deferred)
        return await deferred.get_result()


def get_call_context(context: ServerRequestContext[Any, Any]) -> CallContext:
    return cast(CallContext, context.request)
