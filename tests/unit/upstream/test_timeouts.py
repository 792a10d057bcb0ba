"""The deadline, the timeouts of an attempt, and Retry-After."""

from email.utils import formatdate
from time import time

import pytest

from qwen_gateway.config import Timeouts
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Deadline
from qwen_gateway.upstream.transport import retry_after
from tests.unit.upstream.fakes import FakeClock

TIMEOUTS = Timeouts(connect=5, first_token=30, idle=20)


def test_the_idle_timeout_follows_the_first_token_timeout() -> None:
    clock = FakeClock(100.0)
    timeouts = AttemptTimeouts(Deadline(600, clock), TIMEOUTS, clock)
    assert timeouts.read_seconds() == 30

    clock.now += 29
    assert timeouts.read_seconds() == 1
    timeouts.record_read(has_output=True, is_complete=False)
    assert timeouts.read_seconds() == 20
    assert "silent for 20 s" in timeouts.exceeded_limit()


def test_reads_without_output_do_not_extend_the_timeout() -> None:
    clock = FakeClock(100.0)
    timeouts = AttemptTimeouts(Deadline(600, clock), TIMEOUTS, clock)
    for _ in range(30):
        clock.now += 1
        timeouts.read_seconds()

    assert timeouts.read_seconds() == 0


def test_the_time_between_two_reads_is_not_counted() -> None:
    clock = FakeClock(100.0)
    timeouts = AttemptTimeouts(Deadline(600, clock), TIMEOUTS, clock)
    clock.now += 10
    timeouts.record_read(has_output=False, is_complete=False)

    clock.now += 100
    assert timeouts.read_seconds() == 20
    clock.now += 15
    assert timeouts.read_seconds() == 5


def test_the_usage_has_5_seconds_and_the_end_of_the_body_50_ms() -> None:
    clock = FakeClock(100.0)
    timeouts = AttemptTimeouts(Deadline(600, clock), TIMEOUTS, clock)

    timeouts.record_read(has_output=True, is_complete=True)
    assert timeouts.read_seconds() == 5

    timeouts.drain()
    clock.now += 0.02
    assert timeouts.read_seconds() == pytest.approx(0.03)


def test_the_deadline_limits_every_timeout() -> None:
    clock = FakeClock(100.0)
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
        *((invalid, None) for invalid in ("-3", "0", "soon", "", "inf", "nan")),
    ],
)
def test_retry_after_in_seconds_is_parsed_and_capped(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_as_a_date_is_parsed() -> None:
    seconds = retry_after({"retry-after": formatdate(time() + 60, usegmt=True)})

    assert seconds == pytest.approx(60, abs=5)
