"""Graceful shutdown of long-running commands on SIGTERM or Ctrl-C."""

import signal
from collections.abc import Callable
from threading import Event
from types import FrameType


def stop_on_signals() -> Callable[[], bool]:
    """Handle SIGTERM and Ctrl-C by setting a flag. Return a function that returns whether it is set."""
    stop_requested = Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop_requested.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    return stop_requested.is_set
