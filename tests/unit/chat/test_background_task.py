"""Work that is waited for, for a while or to its end."""

import threading

import pytest

from chat.background_task import BackgroundTask


def failing() -> int:
    raise ZeroDivisionError


def test_what_is_there_in_time_is_the_result() -> None:
    opening = BackgroundTask(lambda: 7)

    assert opening.wait(20) == 7
    assert opening.result() == 7


def test_what_is_not_is_waited_for_later() -> None:
    gate = threading.Event()

    def work() -> int:
        gate.wait(20)
        return 7

    opening = BackgroundTask(work)

    assert opening.wait(0.01) is None
    gate.set()
    assert opening.result() == 7


@pytest.mark.parametrize("seconds", [0, -1])
def test_no_time_left_is_no_reason_to_wait(seconds: float) -> None:
    gate = threading.Event()
    opening = BackgroundTask(lambda: gate.wait(20))

    assert opening.wait(seconds) is None
    gate.set()
    assert opening.result() is True
    opening.wait(20)
    assert opening.wait(seconds) is True


def test_what_the_work_raises_is_raised_to_whoever_waits() -> None:
    opening = BackgroundTask(failing)

    with pytest.raises(ZeroDivisionError):
        opening.wait(20)
    with pytest.raises(ZeroDivisionError):
        opening.result()
