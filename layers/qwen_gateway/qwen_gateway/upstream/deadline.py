"""How long a call may take as a whole, and how long it may wait next."""

import time
from collections.abc import Callable
from contextvars import ContextVar

from qwen_gateway.config import Timeouts

Clock = Callable[[], float]

_LAST_BYTES = 0.05
"""Seconds that the end of a body may take after the last event: it mostly comes with it."""

_LAST_WORDS = 5.0
"""Seconds that the usage may take after the answer: it mostly comes with it."""


class Stopwatch:
    """Runs from the moment in which it is made."""

    __slots__ = ("_clock", "_started")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()

    def seconds(self) -> float:
        """Seconds until now."""
        return self._clock() - self._started

    def ms(self) -> int:
        """Milliseconds until now."""
        return round(self.seconds() * 1000)


class Deadline:
    """The moment by which everything has to be done. Seconds of a monotonic clock."""

    __slots__ = ("_at", "_clock")

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._at - self._clock()


class Patience:
    """The waits of one attempt: for a connection, for the first token, between chunks; all end at the deadline.

    A socket's own timeout starts anew with each byte, so a dripping body outlives it. Here only progress that
    the reader reports counts, and the connection asks before each read how long it may still wait.
    """

    __slots__ = ("_clock", "_connected_by", "_deadline", "_timeouts", "_until", "connected", "limit")

    def __init__(self, deadline: Deadline, timeouts: Timeouts, clock: Clock = time.monotonic) -> None:
        self._deadline = deadline
        self._timeouts = timeouts
        self._clock = clock
        self._connected_by = clock() + timeouts.connect
        self._until = clock() + timeouts.first_token
        self.connected = False
        """Whether the attempt made a connection of its own, instead of using one that served before."""
        self.limit = f"no first token within {timeouts.first_token:g} s"
        """In words, what is being waited for."""

    def progress(self) -> None:
        """A chunk with output arrived: from now on only silence counts."""
        self._until = self._clock() + self._timeouts.silence
        self.limit = f"silent for {self._timeouts.silence:g} s in mid-answer"

    def pause(self, seconds: float) -> None:
        """Count no silence for a time in which nobody listened, because the client was slow to take what there was."""
        self._until += seconds

    def nearly_done(self) -> None:
        """The answer is complete: its usage has to come soon, for a client waits for the end."""
        self._until = min(self._until, self._clock() + _LAST_WORDS)

    def wind_up(self) -> None:
        """The last event arrived: what is left of the body has to come at once."""
        self._until = self._clock() + _LAST_BYTES

    def connect(self) -> float:
        """Seconds that making a connection may still take, with all that belongs to it; not positive: none."""
        return min(self._connected_by - self._clock(), self._deadline.left())

    def wait(self) -> float:
        """Seconds that the next read or write may take; not positive when there is no time left."""
        return min(self._until - self._clock(), self._deadline.left())

    def reason(self) -> str:
        """Say in words which limit ended the attempt."""
        return "the time for the whole call was over" if self._deadline.left() <= 0 else self.limit


current: ContextVar[Patience] = ContextVar("patience")
"""The patience of the attempt that is opened in this thread, on its way through the SDK to the pool."""
