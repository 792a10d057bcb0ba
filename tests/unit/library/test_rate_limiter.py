"""The rate limiter spaces the calls of a batch."""

from qwen_gateway.library.batch import RateLimiter


class FakeClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_calls_are_spaced_evenly() -> None:
    limiter = RateLimiter(120, FakeClock())

    assert [limiter.reserve() for _ in range(4)] == [0, 0.5, 1, 1.5]


def test_without_a_rate_no_call_waits() -> None:
    limiter = RateLimiter(None, FakeClock())

    assert [limiter.reserve() for _ in range(3)] == [0, 0, 0]


def test_unused_slots_do_not_allow_a_burst() -> None:
    clock = FakeClock()
    limiter = RateLimiter(60, clock)
    limiter.reserve()
    clock.now += 10

    assert [limiter.reserve() for _ in range(3)] == [0, 1, 2]


def test_retries_take_more_slots() -> None:
    limiter = RateLimiter(60, FakeClock())
    limiter.reserve()
    limiter.settle(4)

    assert limiter.reserve() == 4


def test_a_prompt_without_an_upstream_call_returns_its_slot() -> None:
    limiter = RateLimiter(60, FakeClock())
    limiter.reserve()
    limiter.settle(0)

    assert limiter.reserve() == 0
