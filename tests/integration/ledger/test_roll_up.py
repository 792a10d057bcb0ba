"""The rows of the days have every record and adjustment below their watermark once, whatever crashes or comes late."""

import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger import UsageLedger, roll_up
from qwen_gateway.ledger.day_rows import DayRow, ModelKey, Totals
from qwen_gateway.ledger.days import DAY_MS, end_of, start_of
from qwen_gateway.ledger.dynamodb import from_item, to_item
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S
from qwen_gateway.ledger.roll_up import RolledUp, RollUp, RowConflict
from tests.builders import key_snapshot, usage_record
from tests.builders.ledger import KEY_ID, put_late_record
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.items import put_record, read_record
from tests.integration.ledger.test_administration import InterruptedClient, RepeatingClient

DAY, NEXT_DAY = "2026-11-24", "2026-11-25"
NOON = start_of(DAY) + DAY_MS // 2
LATER = NOON // 1000 + 3 * 86_400
WRITES = ("put_item", "update_item", "delete_item")


def run(aws: Aws, *, client: Any = None, now: float = LATER, **settings: Any) -> RolledUp:
    roll_ups = RollUp(cast("Any", client or aws.dynamodb), aws.usage_table, now)
    return roll_ups.run(key_snapshot(**settings))


class InterruptedAtRows(InterruptedClient):
    """A client that calls `before` also before a row is written."""

    def put_item(self, **request: Any) -> Any:
        self._before()
        return self._client.put_item(**request)


def put_call(aws: Aws, at_ms: int, cost: int = 7, **fields: Any) -> str:
    """Store the settled record of a call and return its ULID."""
    call = ulid.new(at_ms)
    known: dict[str, Any] = {"cost": cost, "cost_currency": "USD", "outcome": "answered"}
    put_record(aws, call, **(known | fields))
    return call


def put_adjustment(aws: Aws, at_ms: int, cost: int) -> None:
    entry: dict[str, Any] = {
        "pk": f"KEY#{KEY_ID}",
        "sk": f"ADJ#{ulid.new(at_ms)}",
        "cost": cost,
        "cost_currency": "USD",
    }
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(entry))


def read_items(aws: Aws, kind: str) -> list[dict[str, Any]]:
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=aws.usage_table)
    items = [from_item(item) for page in pages for item in page["Items"]]
    return [item for item in items if item["sk"].startswith(kind)]


def read_rows(aws: Aws) -> dict[str, DayRow]:
    rows = [DayRow.of(to_item(item)) for item in read_items(aws, "DAY#")]
    return {row.day: row for row in rows}


def total(row: DayRow) -> Totals:
    totals = Totals.empty()
    for each in row.models.values():
        totals.add(each)
    return totals


def cost_of(row: DayRow, currency: str = "USD") -> int:
    totals = total(row)
    return totals.cost.get(currency, 0) + totals.adjusted.get(currency, 0)


def check_sums(aws: Aws) -> None:
    """Check that the rows have what the records and adjustments say, to the pico-unit."""
    stored = [*read_items(aws, "USE#"), *read_items(aws, "ADJ#")]
    assert sum(map(cost_of, read_rows(aws).values())) == sum(item.get("cost", 0) for item in stored)
    counted = sum(sum(total(row).requests.values()) for row in read_rows(aws).values())
    assert counted == len(read_items(aws, "USE#"))


def test_a_row_sums_records_by_provider_and_model(aws: Aws) -> None:
    records = UsageLedger(aws.dynamodb, aws.usage_table, 400)
    for at, model, fields in (
        (1, "qwen-plus", {"cost": 5, "cost_currency": "USD"}),
        (2, "qwen-plus", {"outcome": "provider_timeout", "cost": 3, "cost_currency": "USD"}),
        (3, "qwen-max", {"unpriced": "no_price"}),
    ):
        records.put_record(usage_record(id=ulid.new(NOON + at), model_used=model, **fields))

    assert run(aws) == RolledUp(summed=3)

    row = read_rows(aws)[DAY]
    plus = row.models[ModelKey("dashscope", "qwen-plus")]
    assert plus.requests == {"answered": 1, "provider_timeout": 1}
    assert (plus.sums["tokens_in"], plus.sums["tokens_out"], plus.sums["latency_ms"]) == (24, 6, 840)
    assert (plus.cost, plus.unpriced) == ({"USD": 8}, {})
    assert (sum(plus.latency.values()), sum(plus.first_token.values())) == (1, 1)
    assert row.models[ModelKey("dashscope", "qwen-max")].unpriced == {"no_price": 1}
    assert row.upto == end_of(DAY)


def test_a_second_run_reads_only_what_is_new(aws: Aws) -> None:
    put_call(aws, NOON)
    assert run(aws, now=NOON // 1000 + 3_600).summed == 1
    put_call(aws, NOON + 3_000_000)

    assert run(aws).summed == 1
    assert run(aws).summed == 0

    assert cost_of(read_rows(aws)[DAY]) == 14


def test_a_run_that_finds_nothing_writes_nothing(aws: Aws) -> None:
    assert run(aws) == RolledUp()
    assert read_rows(aws) == {}


def test_records_at_the_ends_of_a_day_are_in_its_row(aws: Aws) -> None:
    for at in (start_of(DAY), end_of(DAY) - 1, end_of(DAY), start_of(DAY) - 1):
        put_call(aws, at)

    run(aws)

    assert {day: cost_of(row) for day, row in read_rows(aws).items()} == {"2026-11-23": 7, DAY: 14, NEXT_DAY: 7}


def test_a_day_is_closed_before_the_row_of_a_later_day_is_made(aws: Aws) -> None:
    put_call(aws, NOON)
    run(aws, now=NOON // 1000 + 3_600)
    assert read_rows(aws)[DAY].upto < end_of(DAY)
    put_call(aws, NOON + 2 * DAY_MS)

    run(aws)

    assert read_rows(aws)[DAY].upto == end_of(DAY)
    assert set(read_rows(aws)) == {DAY, "2026-11-26"}


def test_what_may_still_change_is_left_for_a_later_run(aws: Aws) -> None:
    now = NOON // 1000 + HOLD_LIFETIME_S
    put_call(aws, NOON - 1)
    put_call(aws, NOON)

    assert run(aws, now=now).summed == 1
    assert read_rows(aws)[DAY].upto == NOON


def test_records_after_the_oldest_hold_wait_for_its_end(aws: Aws) -> None:
    put_call(aws, NOON)
    held = ulid.new(NOON + 1)
    put_call(aws, NOON + 2)

    assert run(aws, holds={f"{held}.0": 30}).summed == 1
    assert run(aws).summed == 1


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_clocks_five_minutes_apart_lose_no_record_of_the_longest_call(aws: Aws, skew_s: int) -> None:
    """A call of a key without a hold writes its record 900 s after its ULID's time at the latest."""
    started = NOON + skew_s * 1_000
    run(aws, now=NOON // 1000 + 900)

    put_call(aws, started)

    assert run(aws).summed == 1


def test_open_records_become_abandoned_and_are_counted_as_such(aws: Aws) -> None:
    call = put_call(aws, NOON, state="open", outcome="open")
    aws.dynamodb.update_item(
        TableName=aws.usage_table,
        Key=to_item({"pk": f"KEY#{KEY_ID}", "sk": f"USE#{call}"}),
        UpdateExpression="REMOVE #cost",
        ExpressionAttributeNames={"#cost": "cost"},
    )

    assert run(aws) == RolledUp(summed=1, abandoned=1)

    assert read_record(aws, call)["state"] == "abandoned"
    totals = total(read_rows(aws)[DAY])
    assert (totals.requests, totals.unpriced, totals.latency) == ({"abandoned": 1}, {"abandoned": 1}, {})


def test_an_open_record_that_is_settled_meanwhile_is_counted_with_its_cost(aws: Aws) -> None:
    call = put_call(aws, NOON, state="open")
    settle = InterruptedClient(aws.dynamodb, lambda: put_record(aws, call, state="settled", cost=4))

    run(aws, client=settle)

    assert total(read_rows(aws)[DAY]).cost == {"-": 4}


def test_adjustments_are_added_beside_the_costs(aws: Aws) -> None:
    put_call(aws, NOON)
    put_adjustment(aws, NOON + 1, -5)

    run(aws)

    totals = total(read_rows(aws)[DAY])
    assert (totals.cost, totals.adjusted, totals.requests) == ({"USD": 7}, {"USD": -5}, {"answered": 1})


def test_two_currencies_are_summed_apart(aws: Aws) -> None:
    put_call(aws, NOON)
    put_call(aws, NOON, cost=9, cost_currency="EUR")

    run(aws)

    assert total(read_rows(aws)[DAY]).cost == {"USD": 7, "EUR": 9}


def test_a_long_day_is_written_in_parts(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_up, "SUMMED_A_WRITE", 3)
    for number in range(8):
        put_call(aws, NOON + number // 4)

    assert run(aws).summed == 8

    assert read_rows(aws)[DAY].version == 2
    check_sums(aws)


def test_a_backlog_is_left_for_later_runs(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_up, "SUMMED_A_WRITE", 2)
    monkeypatch.setattr(roll_up, "SUMMED_A_RUN", 4)
    for number in range(9):
        put_call(aws, NOON + number)

    assert [run(aws).summed for _ in range(4)] == [4, 4, 1, 0]
    check_sums(aws)


def test_of_two_runs_at_once_one_counts(aws: Aws) -> None:
    for number in range(4):
        put_call(aws, NOON + number * DAY_MS // 4)
    others: list[RolledUp] = []

    def run_another() -> None:
        if len(others) < 2:
            others.append(RolledUp())
            others[-1] = run(aws)

    mine = run(aws, client=InterruptedAtRows(aws.dynamodb, run_another))

    assert sorted((mine.summed, *(other.summed for other in others))) == [0, 4]
    check_sums(aws)


def test_a_write_that_is_repeated_counts_once(aws: Aws) -> None:
    put_call(aws, NOON)

    run(aws, client=RepeatingClient(aws.dynamodb))
    run(aws)

    check_sums(aws)


def test_a_late_record_makes_its_day_be_rebuilt(aws: Aws) -> None:
    put_call(aws, NOON)
    put_call(aws, NOON + DAY_MS)
    run(aws)

    put_late_record(aws, NOON + 1, 100)
    run(aws)

    assert {day: cost_of(row) for day, row in read_rows(aws).items()} == {DAY: 107, NEXT_DAY: 7}
    assert read_items(aws, "LATE#") == []


def test_a_late_record_of_a_day_without_a_row_makes_one(aws: Aws) -> None:
    put_call(aws, NOON + DAY_MS)
    run(aws)

    put_late_record(aws, NOON, 100)
    run(aws)

    assert (read_rows(aws)[DAY].upto, cost_of(read_rows(aws)[DAY])) == (end_of(DAY), 100)


def test_a_late_record_of_a_day_that_is_not_rolled_up_yet_is_counted_once(aws: Aws) -> None:
    put_call(aws, NOON - DAY_MS)
    run(aws, now=NOON // 1000)

    put_late_record(aws, NOON, 100)
    run(aws)

    check_sums(aws)


def test_a_late_record_of_a_day_whose_row_another_run_is_about_to_make_is_counted(aws: Aws) -> None:
    put_call(aws, NOON)

    def come_late_and_run_another() -> None:
        if not read_items(aws, "LATE#") and not read_rows(aws):
            put_late_record(aws, NOON + 1, 100)
            # It stops before it makes the row itself.
            RollUp(aws.dynamodb, aws.usage_table, LATER).rebuild_late_days(KEY_ID)

    run(aws, client=InterruptedAtRows(aws.dynamodb, come_late_and_run_another))
    run(aws)

    check_sums(aws)
    assert read_items(aws, "LATE#") == []


def test_a_record_that_comes_late_during_a_rebuild_is_not_missed(aws: Aws) -> None:
    put_call(aws, NOON)
    run(aws)
    put_late_record(aws, NOON + 1, 100)

    def put_another() -> None:
        if len(read_items(aws, "USE#")) == 2:
            put_late_record(aws, NOON + 2, 1000)

    run(aws, client=InterruptedAtRows(aws.dynamodb, put_another))
    assert len(read_items(aws, "LATE#")) == 1
    run(aws)

    assert cost_of(read_rows(aws)[DAY]) == 1107
    check_sums(aws)


def test_a_roll_up_that_has_read_the_row_before_a_rebuild_does_not_undo_it(aws: Aws) -> None:
    put_call(aws, NOON)
    run(aws, now=NOON // 1000 + 3_600)
    put_call(aws, NOON + 3_000_000)

    def rebuild_with_a_late_record() -> None:
        if not read_items(aws, f"USE#{ulid.time_prefix(NOON - 1)}"):
            put_call(aws, NOON - 1)
            RollUp(aws.dynamodb, aws.usage_table, LATER).rebuild(KEY_ID, DAY)

    run(aws, client=InterruptedAtRows(aws.dynamodb, rebuild_with_a_late_record))
    run(aws)

    check_sums(aws)


def test_a_rebuild_gives_up_when_others_always_write_first(aws: Aws) -> None:
    put_call(aws, NOON)
    run(aws, now=NOON // 1000 + 3_600)

    def rebuild() -> str:
        return RollUp(aws.dynamodb, aws.usage_table, LATER).rebuild(KEY_ID, DAY)

    busy = RollUp(cast("Any", InterruptedAtRows(aws.dynamodb, rebuild)), aws.usage_table, LATER)
    with pytest.raises(RowConflict):
        busy.rebuild(KEY_ID, DAY)


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
    run(aws, now=NOON // 1000 + 3_600)
    put_late_record(aws, NOON - 1, 100)
    put_call(aws, NOON + 3_000_000, state="open", cost=0)
    put_call(aws, NOON + DAY_MS, cost=9)

    with pytest.raises(Killed):
        run(aws, client=KilledClient(aws.dynamodb, number, is_applied=is_applied))
    run(aws)

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
            run(aws, client=client, now=now_ms // 1_000)
        except Killed:
            killed += 1
    run(aws, now=now_ms // 1_000 + 86_400)

    check_sums(aws)
