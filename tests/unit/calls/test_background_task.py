"""Background tasks: waiting for a limited time, or to the end."""

import threading

import pytest

from qwen_gateway.calls.background_task import BackgroundTask


def fail() -> int:
    raise ZeroDivisionError


def test_wait_returns_a_result_that_arrives_in_time() -> None:
    task = BackgroundTask(lambda: 7)

    assert task.wait(20) == 7
    assert task.result() == 7


def test_wait_returns_none_after_its_timeout_and_result_waits_on() -> None:
    gate = threading.Event()

    def work() -> int:
        gate.wait(20)
        return 7

    task = BackgroundTask(work)

    assert task.wait(0.01) is None
    gate.set()
    assert task.result() == 7


@pytest.mark.parametrize("seconds", [0, -1])
def test_wait_without_time_left_returns_at_once(seconds: float) -> None:
    gate = threading.Event()
    task = BackgroundTask(lambda: gate.wait(20))

    assert task.wait(seconds) is None
    gate.set()
    assert task.result() is True
    task.wait(20)
    assert task.wait(seconds) is True


def test_wait_and_result_raise_the_exception_of_the_work() -> None:
    task = BackgroundTask(fail)

    with pytest.raises(ZeroDivisionError):
        task.wait(20)
    with pytest.raises(ZeroDivisionError):
        task.result()
