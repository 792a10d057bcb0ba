"""A batch's calls keep to the rate that was asked for."""

from qwen_gateway.library.pace import Pace


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_calls_are_spaced_evenly_over_the_minute() -> None:
    pace = Pace(120, Clock())

    assert [pace.take() for _ in range(4)] == [0, 0.5, 1, 1.5]


def test_without_a_rate_nobody_waits() -> None:
    pace = Pace(None, Clock())

    assert [pace.take() for _ in range(3)] == [0, 0, 0]


def test_places_that_nobody_took_are_not_made_up_for_by_a_burst() -> None:
    clock = Clock()
    pace = Pace(60, clock)
    pace.take()
    clock.now += 10

    assert [pace.take() for _ in range(3)] == [0, 1, 2]


def test_a_call_that_was_repeated_took_more_places() -> None:
    pace = Pace(60, Clock())
    pace.take()
    pace.made(4)

    assert pace.take() == 4


def test_what_called_no_provider_gives_its_place_back() -> None:
    pace = Pace(60, Clock())
    pace.take()
    pace.made(0)

    assert pace.take() == 0
