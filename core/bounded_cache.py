"""What a process remembers for a while of many keys, in bounded memory."""

import math
import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """At most `size` entries; beyond them, the one that was stored longest ago is forgotten.

    valid_s: entries are forgotten after so many seconds. Safe for threads; hold `lock` to change a value in place.
    """

    def __init__(self, size: int, valid_s: float = math.inf) -> None:
        self.lock = threading.RLock()
        self._size, self._valid_s = size, valid_s
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def values(self) -> list[V]:
        with self.lock:
            return [value for value, _until in self._entries.values()]

    def get(self, key: K) -> V | None:
        value, until = self._entries.get(key, (None, 0.0))
        return value if time.monotonic() < until else None

    def store(self, key: K, value: V) -> None:
        with self.lock:
            self._entries[key] = value, time.monotonic() + self._valid_s
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        with self.lock:
            self._entries.clear()
