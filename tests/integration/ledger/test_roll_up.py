"""The roll-up sums each record and adjustment below its watermark once, in the row of its day."""

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger import UsageLedger, roll_up
from qwen_gateway.ledger.day_rows import ModelKey
from qwen_gateway.ledger.days import DAY_MS, end_of, start_of
from qwen_gateway.ledger.dynamodb import to_item
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S
from qwen_gateway.ledger.roll_up import RolledUp
from tests.builders import usage_record
from tests.builders.ledger import KEY_ID
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedClient
from tests.integration.ledger.items import put_record, read_record
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
    total,
)


def test_a_row_sums_records_by_provider_and_model(aws: Aws) -> None:
    records = UsageLedger(aws.dynamodb, aws.usage_table, 400)
    for at, model, fields in (
        (1, "qwen-plus", {"cost": 5, "cost_currency": "USD"}),
        (2, "qwen-plus", {"outcome": "provider_timeout", "cost": 3, "cost_currency": "USD"}),
        (3, "qwen-max", {"unpriced": "no_price"}),
    ):
        records.put_record(usage_record(id=ulid.new(NOON + at), model_used=model, **fields))

    assert run_roll_up(aws) == RolledUp(summed=3)

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
    assert run_roll_up(aws, now=NOON // 1000 + 3_600).summed == 1
    put_call(aws, NOON + 3_000_000)

    assert run_roll_up(aws).summed == 1
    assert run_roll_up(aws).summed == 0

    assert cost_of(read_rows(aws)[DAY]) == 14


def test_a_run_that_finds_nothing_writes_nothing(aws: Aws) -> None:
    assert run_roll_up(aws) == RolledUp()
    assert read_rows(aws) == {}


def test_records_at_the_ends_of_a_day_are_in_its_row(aws: Aws) -> None:
    for at in (start_of(DAY), end_of(DAY) - 1, end_of(DAY), start_of(DAY) - 1):
        put_call(aws, at)

    run_roll_up(aws)

    assert {day: cost_of(row) for day, row in read_rows(aws).items()} == {"2026-11-23": 7, DAY: 14, NEXT_DAY: 7}


def test_a_day_is_closed_before_the_row_of_a_later_day_is_made(aws: Aws) -> None:
    put_call(aws, NOON)
    run_roll_up(aws, now=NOON // 1000 + 3_600)
    assert read_rows(aws)[DAY].upto < end_of(DAY)
    put_call(aws, NOON + 2 * DAY_MS)

    run_roll_up(aws)

    assert read_rows(aws)[DAY].upto == end_of(DAY)
    assert set(read_rows(aws)) == {DAY, "2026-11-26"}


def test_what_may_still_change_is_left_for_a_later_run(aws: Aws) -> None:
    now = NOON // 1000 + HOLD_LIFETIME_S
    put_call(aws, NOON - 1)
    put_call(aws, NOON)

    assert run_roll_up(aws, now=now).summed == 1
    assert read_rows(aws)[DAY].upto == NOON


def test_records_after_the_oldest_hold_wait_for_its_end(aws: Aws) -> None:
    put_call(aws, NOON)
    held = ulid.new(NOON + 1)
    put_call(aws, NOON + 2)

    assert run_roll_up(aws, holds={f"{held}.0": 30}).summed == 1
    assert run_roll_up(aws).summed == 1


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_clocks_five_minutes_apart_lose_no_record_of_the_longest_call(aws: Aws, skew_s: int) -> None:
    """A call of a key without a hold writes its record 900 s after its ULID's time at the latest."""
    started = NOON + skew_s * 1_000
    run_roll_up(aws, now=NOON // 1000 + 900)

    put_call(aws, started)

    assert run_roll_up(aws).summed == 1


def test_open_records_become_abandoned_and_are_counted_as_such(aws: Aws) -> None:
    call = put_call(aws, NOON, state="open", outcome="open")
    aws.dynamodb.update_item(
        TableName=aws.usage_table,
        Key=to_item({"pk": f"KEY#{KEY_ID}", "sk": f"USE#{call}"}),
        UpdateExpression="REMOVE #cost",
        ExpressionAttributeNames={"#cost": "cost"},
    )

    assert run_roll_up(aws) == RolledUp(summed=1, abandoned=1)

    assert read_record(aws, call)["state"] == "abandoned"
    totals = total(read_rows(aws)[DAY])
    assert (totals.requests, totals.unpriced, totals.latency) == ({"abandoned": 1}, {"abandoned": 1}, {})


def test_an_open_record_that_is_settled_meanwhile_is_counted_with_its_cost(aws: Aws) -> None:
    call = put_call(aws, NOON, state="open")
    settle = InterruptedClient(aws.dynamodb, lambda: put_record(aws, call, state="settled", cost=4))

    run_roll_up(aws, client=settle)

    assert total(read_rows(aws)[DAY]).cost == {"-": 4}


def test_adjustments_are_added_beside_the_costs(aws: Aws) -> None:
    put_call(aws, NOON)
    put_adjustment(aws, NOON + 1, -5)

    run_roll_up(aws)

    totals = total(read_rows(aws)[DAY])
    assert (totals.cost, totals.adjusted, totals.requests) == ({"USD": 7}, {"USD": -5}, {"answered": 1})


def test_two_currencies_are_summed_apart(aws: Aws) -> None:
    put_call(aws, NOON)
    put_call(aws, NOON, cost=9, cost_currency="EUR")

    run_roll_up(aws)

    assert total(read_rows(aws)[DAY]).cost == {"USD": 7, "EUR": 9}


def test_a_long_day_is_written_in_parts(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_up, "SUMMED_A_WRITE", 3)
    for number in range(8):
        put_call(aws, NOON + number // 4)

    assert run_roll_up(aws).summed == 8

    assert read_rows(aws)[DAY].version == 2
    check_sums(aws)


def test_a_backlog_is_left_for_later_runs(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_up, "SUMMED_A_WRITE", 2)
    monkeypatch.setattr(roll_up, "SUMMED_A_RUN", 4)
    for number in range(9):
        put_call(aws, NOON + number)

    assert [run_roll_up(aws).summed for _ in range(4)] == [4, 4, 1, 0]
    check_sums(aws)
