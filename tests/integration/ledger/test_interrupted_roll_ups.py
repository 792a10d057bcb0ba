"""Runs at once, repeated writes and killed runs leave the right sums in the rows of the days."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from qwen_gateway.ledger import roll_up
from qwen_gateway.ledger.days import DAY_MS
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S
from qwen_gateway.ledger.roll_up import RolledUp
from tests.builders.ledger import put_late_record
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedAtRows, RepeatingClient
from tests.integration.ledger.rolled_up_days import (
    DAY,
    NEXT_DAY,
    NOON,
    check_sums,
    cost_of,
    put_adjustment,
    put_call,
    read_rows,
    run_roll_up,
)

WRITES = ("put_item", "update_item", "delete_item")


def test_of_two_runs_at_once_one_counts(aws: Aws) -> None:
    for number in range(4):
        put_call(aws, NOON + number * DAY_MS // 4)
    others: list[RolledUp] = []

    def run_another() -> None:
        if len(others) < 2:
            others.append(RolledUp())
            others[-1] = run_roll_up(aws)

    mine = run_roll_up(aws, client=InterruptedAtRows(aws.dynamodb, run_another))

    assert sorted((mine.summed, *(other.summed for other in others))) == [0, 4]
    check_sums(aws)


def test_a_write_that_is_repeated_counts_once(aws: Aws) -> None:
    put_call(aws, NOON)

    run_roll_up(aws, client=RepeatingClient(aws.dynamodb))
    run_roll_up(aws)

    check_sums(aws)


class Killed(BaseException):
    """The process ended."""


class KilledClient:
    """A client whose process is killed at a write: before it is sent, or after it is applied."""

    def __init__(self, client: Any, number: int, *, is_applied: bool) -> None:
        self._client = client
        self._left = number
        self._is_applied = is_applied

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        return self._kill_at(operation) if name in WRITES else operation

    def _kill_at(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def send(**request: Any) -> Any:
            if self._left == 0 and not self._is_applied:
                raise Killed
            answer = operation(**request)
            if self._left == 0:
                raise Killed
            self._left -= 1
            return answer

        return send


@pytest.mark.parametrize("is_applied", [False, True], ids=["before it is sent", "after it is applied"])
@pytest.mark.parametrize("number", range(5), ids=["rebuild", "unmark", "abandon_open", "the old day", "the new day"])
def test_a_run_that_is_killed_at_a_write_is_finished_by_the_next(aws: Aws, number: int, is_applied: bool) -> None:
    put_call(aws, NOON)
    run_roll_up(aws, now=NOON // 1000 + 3_600)
    put_late_record(aws, NOON - 1, 100)
    put_call(aws, NOON + 3_000_000, state="open", cost=0)
    put_call(aws, NOON + DAY_MS, cost=9)

    with pytest.raises(Killed):
        run_roll_up(aws, client=KilledClient(aws.dynamodb, number, is_applied=is_applied))
    run_roll_up(aws)

    assert {day: cost_of(row) for day, row in read_rows(aws).items()} == {DAY: 107, NEXT_DAY: 9}
    check_sums(aws)


def put_something(aws: Aws, at_ms: int, chance: random.Random) -> None:
    """Store a record or an adjustment that is there before the watermark passes it, or one that comes late."""
    match chance.randrange(4):
        case 0:
            put_call(aws, at_ms, state="open", cost=0)
        case 1:
            put_adjustment(aws, at_ms, chance.randrange(-9, 9))
        case _:
            put_call(aws, at_ms, cost=chance.randrange(10**15))
    put_late_record(aws, at_ms - chance.randrange(3 * DAY_MS), chance.randrange(10**15))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 40))])
def test_the_sums_are_right_after_twenty_five_kills(aws: Aws, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The forty histories of `make test-all` together have a thousand kills."""
    monkeypatch.setattr(roll_up, "SUMMED_A_WRITE", 2)
    chance = random.Random(seed)  # noqa: S311 - reproducible
    now_ms, killed = NOON, 0
    while killed < 25:
        put_something(aws, now_ms, chance)
        now_ms += chance.randrange(4 * HOLD_LIFETIME_S * 1_000)
        client = KilledClient(aws.dynamodb, chance.randrange(4), is_applied=chance.random() < 0.5)
        try:
            run_roll_up(aws, client=client, now=now_ms // 1_000)
        except Killed:
            killed += 1
    run_roll_up(aws, now=now_ms // 1_000 + 86_400)

    check_sums(aws)
