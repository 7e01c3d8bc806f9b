"""How clients wait, and call what blocks: `async_...` in `_async_client.py`, the others in `_client.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

sleep = time.sleep


def call(function: Callable[..., T], *arguments: object) -> T:
    return function(*arguments)


async def async_sleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(seconds)


async def async_call(function: Callable[..., T], *arguments: object) -> T:
    """Call a function that blocks in a thread, so that the event loop goes on."""
    from anyio import to_thread

    return await to_thread.run_sync(function, *arguments)
