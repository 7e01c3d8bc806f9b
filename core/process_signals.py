"""Graceful shutdown of long-running commands on SIGTERM or Ctrl-C."""

import signal
import time
from collections.abc import Callable
from threading import Event
from types import FrameType

STOP_CHECK_S = 0.25  # maximum delay of a stop request during a pause

# Tag of the system checks that servers and workers run at start: of what an operator can get wrong. Django's own find
# errors in the code, and import every page.
SERVER_CHECKS = "server"


def stop_on_signals() -> Callable[[], bool]:
    """Handle SIGTERM and Ctrl-C by setting a flag. Return a function that returns whether it is set."""
    stop_requested = Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop_requested.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    return stop_requested.is_set


def pause(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Return after `seconds`, or on a stop request."""
    deadline = time.monotonic() + seconds
    while not should_stop() and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, STOP_CHECK_S))
