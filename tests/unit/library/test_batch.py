"""Batches: the order of results, concurrency, failures and closing."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from qwen_gateway.errors import ProviderTimeout
from qwen_gateway.library import Batch, Result
from qwen_gateway.library import batch as batch_module
from qwen_gateway.library.batch import RateLimiter

TIMEOUT_S = 10
"""Only ends a test that hangs."""


class FakeProvider:
    """Returns the prompt in upper case, after the test released it."""

    def __init__(self) -> None:
        self._released: dict[str, threading.Event] = {}
        self._changed = threading.Condition()
        self.prompts: list[str] = []
        self.running = 0
        self.max_running = 0

    def complete(self, prompt: Any) -> Any:
        with self._changed:
            self.prompts.append(prompt)
            self.running += 1
            self.max_running = max(self.max_running, self.running)
            released = self._released.setdefault(prompt, threading.Event())
            self._changed.notify_all()
        assert released.wait(TIMEOUT_S)
        with self._changed:
            self.running -= 1
        return prompt.upper()

    def release(self, *prompts: str) -> None:
        for prompt in prompts:
            with self._changed:
                self._released.setdefault(prompt, threading.Event()).set()

    def await_calls(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.prompts) >= number, TIMEOUT_S)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    """Return a provider whose pending calls end with the test."""
    fake = FakeProvider()
    yield fake
    fake.release(*fake.prompts)


@pytest.fixture(autouse=True)
def _no_ramp_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "RAMP_UP_S", 0.0)


def batch(prompts: Any, complete: Callable[[Any], Any], max_concurrency: int = 2) -> Batch:
    return Batch(prompts, complete, max_concurrency, RateLimiter(None))


def test_results_are_in_the_order_of_their_prompts(provider: FakeProvider) -> None:
    provider.release("c", "b", "a")

    results = batch(iter("abc"), provider.complete, 3)

    assert list(results) == ["A", "B", "C"]
    assert (len(results), results[-1], results[1:]) == (3, "C", ["B", "C"])


def test_a_result_can_be_read_while_others_are_pending(provider: FakeProvider) -> None:
    provider.release("a")
    results = batch("ab", provider.complete)

    assert next(iter(results)) == "A"


def test_as_completed_yields_positions_and_results_in_order_of_completion(provider: FakeProvider) -> None:
    results = batch("ab", provider.complete)
    completed = results.as_completed()

    provider.release("b")
    assert next(completed) == (1, "B")
    provider.release("a")
    assert list(completed) == [(0, "A")]


def test_max_concurrency_is_reached_and_not_exceeded(provider: FakeProvider) -> None:
    results = batch("abcdefg", provider.complete, 3)
    provider.await_calls(3)
    provider.release(*"abcdefg")

    assert len(list(results)) == 7
    assert provider.max_running == 3


def test_a_failure_is_a_value_at_the_position_of_its_prompt() -> None:
    failure = ProviderTimeout("too slow")

    def complete(prompt: Any) -> Result:
        return failure if prompt == "b" else prompt

    assert list(batch("abc", complete)) == ["a", failure, "c"]


def test_an_unhandled_exception_is_raised_by_its_result_only() -> None:
    def complete(prompt: Any) -> Any:
        return 1 / prompt

    results = batch([1, 0, 2], complete)

    assert (results[0], results[2]) == (1, 0.5)
    with pytest.raises(ZeroDivisionError):
        results[1]


def test_closing_cancels_queued_prompts_and_completes_running_ones(provider: FakeProvider) -> None:
    with batch("abcdefgh", provider.complete) as results:
        provider.await_calls(2)
    provider.release("a", "b")

    assert results[:2] == ["A", "B"]
    for position in range(2, 8):
        with pytest.raises(CancelledError):
            results[position]
    assert sorted(provider.prompts) == ["a", "b"]


def test_closing_cancels_a_prompt_that_waits_for_the_rate_limiter(provider: FakeProvider) -> None:
    provider.release("a")
    results = Batch("ab", provider.complete, 1, RateLimiter(1))
    assert results[0] == "A"
    results.close()

    with pytest.raises(CancelledError):
        results[1]


def test_an_empty_batch_makes_no_call(provider: FakeProvider) -> None:
    results = batch([], provider.complete)

    assert (len(results), list(results), list(results.as_completed())) == (0, [], [])


def test_workers_start_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    monkeypatch.setattr(batch_module, "RAMP_UP_S", 0.25)
    monkeypatch.setattr(Batch, "_work", lambda _, delay_s: delays.append(delay_s))
    batch("abcdef", str, 4)

    assert sorted(delays) == [0, 0.25, 0.5, 0.75]


def test_a_worker_waits_before_its_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class FakeEvent:
        def wait(self, seconds: float) -> bool:
            waited.append(seconds)
            return False

    results = batch([], str)
    monkeypatch.setattr(results, "_closed", FakeEvent())
    results._work(0.75)

    assert waited == [0.75]
