"""Many prompts, a few at a time."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from queue import Empty, SimpleQueue
from typing import overload

from qwen_gateway.library.answer import Result
from qwen_gateway.library.closing import Closing
from qwen_gateway.library.pace import Pace
from qwen_gateway.library.prompts import Prompt

RAMP = 0.025
"""Seconds from one worker's first call to the next one's: providers refuse a rate that jumps (`limit_burst_rate`)."""


class Batch(Closing, Sequence[Result]):
    """The results of many prompts, in the order of the prompts, while they arrive.

    The calls start when the batch is made, the first at once and one more at a time every 25 ms, until as many run as
    were allowed. Reading a result waits for it: `batch[3]`, `for result in batch`, `list(batch)`. A failure is a
    `GatewayError` in its prompt's place. Whatever the reader does, the threads end with the program.
    """

    def __init__(
        self, prompts: Iterable[Prompt], ask: Callable[[Prompt], Result], max_concurrency: int, pace: Pace
    ) -> None:
        self._prompts = tuple(prompts)
        self._ask = ask
        self._pace = pace
        self._results: list[futures.Future[Result]] = [futures.Future() for _ in self._prompts]
        self._closed = threading.Event()
        self._waiting: SimpleQueue[int] = SimpleQueue()
        for position in range(len(self._prompts)):
            self._waiting.put(position)
        for worker in range(min(max_concurrency, len(self._prompts))):
            threading.Thread(target=self._work, args=(worker * RAMP,), name="qwen batch", daemon=True).start()

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

    def as_completed(self) -> Iterator[tuple[int, Result]]:
        """Give each result with its prompt's position as soon as it is there, in whatever order that is."""
        positions = {result: position for position, result in enumerate(self._results)}
        for result in futures.as_completed(self._results):
            yield positions[result], result.result()

    def close(self) -> None:
        """Start no more calls. Reading a result whose call was not started raises `CancelledError`."""
        self._closed.set()
        while (position := self._next()) is not None:
            self._cancel(position)

    def _work(self, begin_after: float) -> None:
        self._closed.wait(begin_after)
        while (position := self._next()) is not None:
            if self._closed.wait(self._pace.take()):
                self._cancel(position)
                return
            self._answer(position)

    def _next(self) -> int | None:
        """Take a prompt off the queue; whoever has it sees to its result."""
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None

    def _answer(self, position: int) -> None:
        try:
            self._results[position].set_result(self._ask(self._prompts[position]))
        except Exception as defect:  # noqa: BLE001 - whoever reads the result has to learn of it
            self._results[position].set_exception(defect)

    def _cancel(self, position: int) -> None:
        self._results[position].cancel()
        self._results[position].set_running_or_notify_cancel()
