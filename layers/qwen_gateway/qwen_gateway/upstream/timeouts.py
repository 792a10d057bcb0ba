"""The deadline of a call, and the timeouts of each attempt within it. All times are seconds of a monotonic clock."""

import time
from collections.abc import Callable
from contextvars import ContextVar

from qwen_gateway.config import Timeouts

Clock = Callable[[], float]

_DRAIN_S = 0.05
"""For the end of the body after the last event: both usually arrive together."""

_USAGE_S = 5.0
"""For the usage after the end of the answer: both usually arrive together."""


class Stopwatch:
    """Measures the time since it was made."""

    __slots__ = ("_clock", "_started")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()

    def seconds(self) -> float:
        """Return the elapsed seconds."""
        return self._clock() - self._started

    def ms(self) -> int:
        """Return the elapsed milliseconds."""
        return round(self.seconds() * 1000)


class Deadline:
    """The time by which a call has to be complete."""

    __slots__ = ("_at", "_clock")

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds until the deadline; negative after it."""
        return self._at - self._clock()


class AttemptTimeouts:
    """The timeouts of one attempt: to connect, for the first token, and idle; the deadline limits each.

    A socket's own timeout starts again with each byte, so a dripping body outlives it. Here only output that the
    reader reports extends the timeout, and the connection asks before each read how long it may wait.
    """

    __slots__ = ("_clock", "_connect_by", "_deadline", "_paused_at", "_read_by", "_timeouts", "connected", "limit")

    def __init__(self, deadline: Deadline, timeouts: Timeouts, clock: Clock = time.monotonic) -> None:
        self._deadline = deadline
        self._timeouts = timeouts
        self._clock = clock
        self._connect_by = clock() + timeouts.connect
        self._read_by = clock() + timeouts.first_token
        self._paused_at: float | None = None
        self.connected = False
        """Whether the attempt opened a connection instead of reusing one."""
        self.limit = f"no first token within {timeouts.first_token:g} s"
        """The current limit, for an error message."""

    def record_read(self, *, has_output: bool, is_complete: bool) -> None:
        """Record what was read, and pause until the next read: the time in between is that of the client.

        Output starts the idle timeout again. After the end of the answer only the usage is missing, and the client
        waits for it, so the timeout is shorter.
        """
        now = self._paused_at = self._clock()
        if has_output:
            self._read_by = now + self._timeouts.idle
            self.limit = f"silent for {self._timeouts.idle:g} s in mid-answer"
        if is_complete:
            self._read_by = min(self._read_by, now + _USAGE_S)

    def drain(self) -> None:
        """Shorten the timeout after the last event: the rest of the body has to arrive immediately."""
        self._read_by = self._clock() + _DRAIN_S
        self._paused_at = None

    def connect_seconds(self) -> float:
        """Return the seconds left to connect, TLS included; not positive if there are none."""
        return min(self._connect_by - self._clock(), self._deadline.remaining())

    def read_seconds(self) -> float:
        """Return the seconds left for the next read or write; not positive if there are none. It ends a pause."""
        now = self._clock()
        if self._paused_at is not None:
            self._read_by += now - self._paused_at
            self._paused_at = None
        return min(self._read_by - now, self._deadline.remaining())

    def exceeded_limit(self) -> str:
        """Return the limit that ended the attempt, for an error message."""
        return "the time for the whole call was over" if self._deadline.remaining() <= 0 else self.limit


current: ContextVar[AttemptTimeouts] = ContextVar("attempt_timeouts")
"""The timeouts of the attempt that this thread is opening, passed through the SDK to the connection pool."""
