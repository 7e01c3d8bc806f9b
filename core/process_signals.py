"""Graceful stop of a long-running command by SIGTERM or Ctrl-C."""

import signal
from collections.abc import Callable
from threading import Event
from types import FrameType


def stop_on_signals() -> Callable[[], bool]:
    """From now on SIGTERM and Ctrl-C only ask to stop; the returned function says whether they did."""
    asked = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return asked.is_set
