"""Many prompts, answered by a few worker threads at a limited rate."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import overload

from qwen_gateway.library.answer import Result
from qwen_gateway.library.prompt import Prompt
from qwen_gateway.upstream.timeouts import Clock

RAMP_UP_S = 0.025
"""Seconds between the first calls of two workers: providers reject a sudden rise of the rate (`limit_burst_rate`)."""


class RateLimiter:
    """Spaces calls evenly, so that a provider that counts per second never sees a burst.

    Args:
        requests_per_minute: how many calls may start within a minute; None: no limit.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, requests_per_minute: float | None, clock: Clock = time.monotonic) -> None:
        self._interval_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at = clock()

    def reserve(self) -> float:
        """Reserve the next slot for a call and return the seconds until it starts."""
        with self._lock:
            now = self._clock()
            slot = max(self._next_at, now)
            self._next_at = slot + self._interval_s
            return slot - now

    def settle(self, calls: int) -> None:
        """Correct the reservation by the number of upstream calls made: retries take more slots, 0 returns the slot."""
        with self._lock:
            self._next_at += (calls - 1) * self._interval_s


class Batch(AbstractContextManager["Batch", None], Sequence[Result]):
    """The results of many prompts, in the order of the prompts, available as they arrive.

    The calls start when the batch is created: the first at once, then one more worker every 25 ms up to
    `max_concurrency`. Reading a result waits for it: `batch[3]`, `for result in batch`, `list(batch)`. A failure is a
    `GatewayError` at the position of its prompt. The threads are daemons and end with the program.
    """

    def __init__(
        self,
        prompts: Iterable[Prompt],
        complete: Callable[[Prompt], Result],
        max_concurrency: int,
        rate_limiter: RateLimiter,
    ) -> None:
        self._prompts = tuple(prompts)
        self._complete = complete
        self._rate_limiter = rate_limiter
        self._results: list[futures.Future[Result]] = [futures.Future() for _ in self._prompts]
        self._closed = threading.Event()
        self._queue: SimpleQueue[int] = SimpleQueue()
        for position in range(len(self._prompts)):
            self._queue.put(position)
        for worker in range(min(max_concurrency, len(self._prompts))):
            threading.Thread(target=self._work, args=(worker * RAMP_UP_S,), name="qwen batch", daemon=True).start()

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, position: int) -> Result: ...
    @overload
    def __getitem__(self, position: slice) -> list[Result]: ...
    def __getitem__(self, position: int | slice) -> Result | list[Result]:
        if isinstance(position, slice):
            return [result.result() for result in self._results[position]]
        return self._results[position].result()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def as_completed(self) -> Iterator[tuple[int, Result]]:
        """Yield each result with the position of its prompt, in the order of completion."""
        positions = {result: position for position, result in enumerate(self._results)}
        for result in futures.as_completed(self._results):
            yield positions[result], result.result()

    def close(self) -> None:
        """Start no more calls. Reading the result of a call that was not started raises `CancelledError`."""
        self._closed.set()
        while (position := self._next()) is not None:
            self._cancel(position)

    def _work(self, delay_s: float) -> None:
        self._closed.wait(delay_s)
        while (position := self._next()) is not None:
            if self._closed.wait(self._rate_limiter.reserve()):
                self._cancel(position)
                return
            self._run(position)

    def _next(self) -> int | None:
        """Remove a position from the queue. The caller has to set or cancel its result."""
        try:
            return self._queue.get_nowait()
        except Empty:
            return None

    def _run(self, position: int) -> None:
        try:
            self._results[position].set_result(self._complete(self._prompts[position]))
        except Exception as error:  # noqa: BLE001 - reading the result raises it
            self._results[position].set_exception(error)

    def _cancel(self, position: int) -> None:
        self._results[position].cancel()
        self._results[position].set_running_or_notify_cancel()
