"""A record that comes late is in the row of its day, whatever other runs write meanwhile."""

from typing import Any, cast

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger.days import DAY_MS, end_of
from qwen_gateway.ledger.roll_up import RollUp, RowConflict
from tests.builders.ledger import KEY_ID, put_late_record
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedAtRows
from tests.integration.ledger.rolled_up_days import (
    DAY,
    LATER,
    NEXT_DAY,
    NOON,
    check_sums,
    cost_of,
    put_call,
    read_items,
    read_rows,
    run_roll_up,
)


def test_a_late_record_makes_its_day_be_rebuilt(aws: Aws) -> None:
    put_call(aws, NOON)
    put_call(aws, NOON + DAY_MS)
    run_roll_up(aws)

    put_late_record(aws, NOON + 1, 100)
    run_roll_up(aws)

    assert {day: cost_of(row) for day, row in read_rows(aws).items()} == {DAY: 107, NEXT_DAY: 7}
    assert read_items(aws, "LATE#") == []


def test_a_late_record_of_a_day_without_a_row_makes_one(aws: Aws) -> None:
    put_call(aws, NOON + DAY_MS)
    run_roll_up(aws)

    put_late_record(aws, NOON, 100)
    run_roll_up(aws)

    assert (read_rows(aws)[DAY].upto, cost_of(read_rows(aws)[DAY])) == (end_of(DAY), 100)


def test_a_late_record_of_a_day_that_is_not_rolled_up_yet_is_counted_once(aws: Aws) -> None:
    put_call(aws, NOON - DAY_MS)
    run_roll_up(aws, now=NOON // 1000)

    put_late_record(aws, NOON, 100)
    run_roll_up(aws)

    check_sums(aws)


def test_a_late_record_of_a_day_whose_row_another_run_is_about_to_make_is_counted(aws: Aws) -> None:
    put_call(aws, NOON)

    def come_late_and_run_another() -> None:
        if not read_items(aws, "LATE#") and not read_rows(aws):
            put_late_record(aws, NOON + 1, 100)
            # It stops before it makes the row itself.
            RollUp(aws.dynamodb, aws.usage_table, LATER).rebuild_late_days(KEY_ID)

    run_roll_up(aws, client=InterruptedAtRows(aws.dynamodb, come_late_and_run_another))
    run_roll_up(aws)

    check_sums(aws)
    assert read_items(aws, "LATE#") == []


def test_a_record_that_comes_late_during_a_rebuild_is_not_missed(aws: Aws) -> None:
    put_call(aws, NOON)
    run_roll_up(aws)
    put_late_record(aws, NOON + 1, 100)

    def put_another() -> None:
        if len(read_items(aws, "USE#")) == 2:
            put_late_record(aws, NOON + 2, 1000)

    run_roll_up(aws, client=InterruptedAtRows(aws.dynamodb, put_another))
    assert len(read_items(aws, "LATE#")) == 1
    run_roll_up(aws)

    assert cost_of(read_rows(aws)[DAY]) == 1107
    check_sums(aws)


def test_a_roll_up_that_has_read_the_row_before_a_rebuild_does_not_undo_it(aws: Aws) -> None:
    put_call(aws, NOON)
    run_roll_up(aws, now=NOON // 1000 + 3_600)
    put_call(aws, NOON + 3_000_000)

    def rebuild_with_a_late_record() -> None:
        if not read_items(aws, f"USE#{ulid.time_prefix(NOON - 1)}"):
            put_call(aws, NOON - 1)
            RollUp(aws.dynamodb, aws.usage_table, LATER).rebuild(KEY_ID, DAY)

    run_roll_up(aws, client=InterruptedAtRows(aws.dynamodb, rebuild_with_a_late_record))
    run_roll_up(aws)

    check_sums(aws)


def test_a_rebuild_gives_up_when_others_always_write_first(aws: Aws) -> None:
    put_call(aws, NOON)
    run_roll_up(aws, now=NOON // 1000 + 3_600)

    def rebuild() -> str:
        return RollUp(aws.dynamodb, aws.usage_table, LATER).rebuild(KEY_ID, DAY)

    busy = RollUp(cast("Any", InterruptedAtRows(aws.dynamodb, rebuild)), aws.usage_table, LATER)
    with pytest.raises(RowConflict):
        busy.rebuild(KEY_ID, DAY)
