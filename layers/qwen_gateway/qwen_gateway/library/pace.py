"""When the calls of a batch may start."""

import threading
import time

from qwen_gateway.upstream.timeouts import Clock


class Pace:
    """Spaces calls evenly, so that a provider that counts by the second sees no more than its share in any.

    Args:
        requests_per_minute: how many calls may start within a minute; None: as many as there are workers.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, requests_per_minute: float | None, clock: Clock = time.monotonic) -> None:
        self._gap = 60 / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()

    def take(self) -> float:
        """Take the next place for a call, and return the seconds until it comes."""
        with self._lock:
            now = self._clock()
            place = max(self._free_at, now)
            self._free_at = place + self._gap
            return place - now

    def made(self, calls: int) -> None:
        """Tell how many calls a place was used for: repeated ones count, and none gives the place back."""
        with self._lock:
            self._free_at += (calls - 1) * self._gap
