"""The context of a request: its actor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.http import HttpRequest
from mcp.server.context import ServerRequestContext

from accounts.actor import Actor
from core.request_threads import run_in_thread

SCOPE_KEY = "picard.call"  # in the ASGI scope that the SDK passes from the view to the tools

T = TypeVar("T")


@dataclass(frozen=True)
class CallContext:
    """An authenticated request."""

    actor: Actor
    request: HttpRequest

    async def run_in_thread(self, work: Callable[[Actor], T]) -> T:
        """Run `work` for the actor in a thread that may block on the database."""
        return await run_in_thread(lambda: work(self.actor))


def get_call_context(context: ServerRequestContext[Any, Any]) -> CallContext:
    return cast(CallContext, cast(Any, context.request).scope[SCOPE_KEY])
