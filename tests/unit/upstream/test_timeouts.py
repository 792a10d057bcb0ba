"""Deadlines, timeouts, and when repeating helps."""

from email.utils import formatdate
from time import time

import pytest

from qwen_gateway.config import Timeouts
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Deadline
from qwen_gateway.upstream.transport import retry_after

TIMEOUTS = Timeouts(connect=5, first_token=30, idle=20)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_token_has_its_own_limit_and_then_silence_counts() -> None:
    clock = Clock()
    timeouts = AttemptTimeouts(Deadline(600, clock), TIMEOUTS, clock)
    assert timeouts.read_seconds() == 30

    clock.now += 29
    assert timeouts.read_seconds() == 1
    timeouts.record_output()
    assert timeouts.read_seconds() == 20
    assert "silent for 20 s" in timeouts.exceeded_limit()


def test_bytes_without_progress_win_no_time() -> None:
    clock = Clock()
    timeouts = AttemptTimeouts(Deadline(600, clock), TIMEOUTS, clock)
    for _ in range(30):
        clock.now += 1
        timeouts.read_seconds()

    assert timeouts.read_seconds() == 0


def test_every_wait_ends_at_the_deadline() -> None:
    clock = Clock()
    timeouts = AttemptTimeouts(Deadline(3, clock), TIMEOUTS, clock)
    assert (timeouts.connect_seconds(), timeouts.read_seconds()) == (3, 3)

    clock.now += 4
    assert timeouts.read_seconds() < 0
    assert timeouts.exceeded_limit() == "the time for the whole call was over"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("99999", 3600),
        *((senseless, None) for senseless in ("-3", "0", "soon", "", "inf", "nan")),
    ],
)
def test_a_providers_retry_after_counts_when_it_makes_sense(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_a_date_is_understood() -> None:
    asked = retry_after({"retry-after": formatdate(time() + 60, usegmt=True)})

    assert asked == pytest.approx(60, abs=5)
