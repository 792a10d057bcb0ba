"""Many prompts: their order, how many run at once, and what an end in the midst leaves."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from qwen_gateway.errors import ProviderTimeout
from qwen_gateway.library import Batch, Result
from qwen_gateway.library import batch as batches
from qwen_gateway.library.pace import Pace

SOON = 10
"""Seconds, only to end a test that hangs."""


class Provider:
    """Answers a prompt once the test lets it, with the prompt in upper case."""

    def __init__(self) -> None:
        self._turns: dict[str, threading.Event] = {}
        self._changed = threading.Condition()
        self.asked: list[str] = []
        self.running = 0
        self.most_at_once = 0

    def ask(self, prompt: Any) -> Any:
        with self._changed:
            self.asked.append(prompt)
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            turn = self._turns.setdefault(prompt, threading.Event())
            self._changed.notify_all()
        assert turn.wait(SOON)
        with self._changed:
            self.running -= 1
        return prompt.upper()

    def answer(self, *prompts: str) -> None:
        for prompt in prompts:
            with self._changed:
                self._turns.setdefault(prompt, threading.Event()).set()

    def await_calls(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= number, SOON)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider whose last calls end with the test."""
    made = Provider()
    yield made
    made.answer(*made.asked)


@pytest.fixture(autouse=True)
def _no_ramp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "RAMP", 0.0)


def batch(prompts: Any, ask: Callable[[Any], Any], max_concurrency: int = 2) -> Batch:
    return Batch(prompts, ask, max_concurrency, Pace(None))


def test_results_are_in_the_order_of_their_prompts_whatever_the_order_of_the_answers(provider: Provider) -> None:
    provider.answer("c", "b", "a")

    made = batch(iter("abc"), provider.ask, 3)

    assert list(made) == ["A", "B", "C"]
    assert (len(made), made[-1], made[1:]) == (3, "C", ["B", "C"])


def test_a_result_can_be_read_while_others_are_to_come(provider: Provider) -> None:
    provider.answer("a")
    made = batch("ab", provider.ask)

    assert next(iter(made)) == "A"


def test_results_come_as_they_are_completed_with_their_positions(provider: Provider) -> None:
    made = batch("ab", provider.ask)
    arriving = made.as_completed()

    provider.answer("b")
    assert next(arriving) == (1, "B")
    provider.answer("a")
    assert list(arriving) == [(0, "A")]


def test_no_more_run_at_once_than_were_allowed_and_every_place_is_used(provider: Provider) -> None:
    made = batch("abcdefg", provider.ask, 3)
    provider.await_calls(3)
    provider.answer(*"abcdefg")

    assert len(list(made)) == 7
    assert provider.most_at_once == 3


def test_a_failure_is_a_value_in_its_place() -> None:
    failure = ProviderTimeout("too slow")

    def ask(prompt: Any) -> Result:
        return failure if prompt == "b" else prompt

    assert list(batch("abc", ask)) == ["a", failure, "c"]


def test_a_defect_is_raised_where_its_result_is_read_and_stops_no_other() -> None:
    def ask(prompt: Any) -> Any:
        return 1 / prompt

    made = batch([1, 0, 2], ask)

    assert (made[0], made[2]) == (1, 0.5)
    with pytest.raises(ZeroDivisionError):
        made[1]


def test_after_its_end_a_batch_asks_nothing_more_and_what_runs_is_answered(provider: Provider) -> None:
    with batch("abcdefgh", provider.ask) as made:
        provider.await_calls(2)
    provider.answer("a", "b")

    assert made[:2] == ["A", "B"]
    for position in range(2, 8):
        with pytest.raises(CancelledError):
            made[position]
    assert sorted(provider.asked) == ["a", "b"]


def test_a_batch_that_waits_for_its_place_can_be_ended(provider: Provider) -> None:
    provider.answer("a")
    made = Batch("ab", provider.ask, 1, Pace(1))
    assert made[0] == "A"
    made.close()

    with pytest.raises(CancelledError):
        made[1]


def test_nothing_is_asked_for_no_prompts(provider: Provider) -> None:
    made = batch([], provider.ask)

    assert (len(made), list(made), list(made.as_completed())) == (0, [], [])


def test_workers_begin_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    monkeypatch.setattr(batches, "RAMP", 0.25)
    monkeypatch.setattr(Batch, "_work", lambda _, begin_after: begun.append(begin_after))
    batch("abcdef", str, 4)

    assert sorted(begun) == [0, 0.25, 0.5, 0.75]


def test_a_worker_waits_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Closed:
        def wait(self, seconds: float) -> bool:
            waited.append(seconds)
            return False

    made = batch([], str)
    monkeypatch.setattr(made, "_closed", Closed())
    made._work(0.75)

    assert waited == [0.75]
