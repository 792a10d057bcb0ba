"""Repricings: beside the record, once, on the day of the record, and for the budget only if that is asked for."""

from typing import Any, cast

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger.key_errors import HoldOpen, KeyNotFound, RefundRefused
from qwen_gateway.ledger.refunds import Refunds
from qwen_gateway.ledger.repricings import Repricing, Repricings
from qwen_gateway.ledger.roll_up import RollUp
from tests.builders import key_snapshot
from tests.builders.ledger import KEY_ID, budget_item
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedTransaction
from tests.integration.ledger.items import list_adjustments, put_key, put_record, read_key, read_record
from tests.integration.ledger.rolled_up_days import check_sums, cost_of, read_rows

NOW = 1_790_000_000
AT_MS = 1_789_000_000_000
CALL = ulid.new(AT_MS)
HOLD = f"{CALL}.0"
DAY = "2026-09-10"


def put_settled(aws: Aws, cost: int = 12, **fields: Any) -> None:
    known: dict[str, Any] = {"state": "settled", "hold": HOLD, "cost_currency": "USD", "expires_at": NOW + 9}
    put_record(aws, CALL, cost=cost, provider="dashscope", model_used="qwen-plus", **(known | fields))


def reprice(aws: Aws, amount: int, charge: int = 0, *, client: Any = None) -> bool:
    table = Repricings(cast("Any", client or aws.dynamodb), aws.keys_table, aws.usage_table)
    return table.write(Repricing(read_record(aws, CALL), amount, "USD", "list/qwen-plus@2026-09-01", charge), NOW)


def check_costs(aws: Aws) -> None:
    """Check the second promise: the key was charged the costs of its closed calls and what was charged beside."""
    record = read_record(aws, CALL)
    charged = 0 if "adjustment" in record else record["cost"] + record.get("charged", 0)
    key = read_key(aws)
    assert key["spent"] + key["total"] == charged


def test_a_record_keeps_its_cost_and_gets_an_entry_beside_it(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_settled(aws)

    assert reprice(aws, -5)

    record, (entry,) = read_record(aws, CALL), list_adjustments(aws)
    assert (record["cost"], record["repriced"], record["charged"]) == (12, -5, 0)
    assert (entry["cost"], entry["charged"], entry["request"], entry["reason"]) == (-5, 0, CALL, "repriced")
    assert (entry["price"], entry["model_used"], entry["created"]) == ("list/qwen-plus@2026-09-01", "qwen-plus", NOW)
    assert ulid.milliseconds(entry["sk"].removeprefix("ADJ#")) == AT_MS
    assert read_key(aws)["spent"] == 12


def test_its_day_is_summed_anew(aws: Aws) -> None:
    put_settled(aws)
    RollUp(aws.dynamodb, aws.usage_table, NOW).run(key_snapshot())
    reprice(aws, 30)

    RollUp(aws.dynamodb, aws.usage_table, NOW).run(key_snapshot())

    assert {day: cost_of(row) for day, row in read_rows(aws).items()} == {DAY: 42}
    check_sums(aws)


@pytest.mark.parametrize(("charge", "spent", "total"), [(5, 25, 9), (-5, 15, 9), (-25, 0, 4)])
def test_a_budget_is_charged_or_credited_if_that_is_asked_for(aws: Aws, charge: int, spent: int, total: int) -> None:
    put_key(aws, budget_item(100, spent=20, total=9))
    put_settled(aws, cost=29)

    reprice(aws, charge, charge)

    assert (read_key(aws)["spent"], read_key(aws)["total"]) == (spent, total)
    check_costs(aws)


def test_a_charge_above_what_is_left_makes_less_than_nothing(aws: Aws) -> None:
    put_key(aws, budget_item(15, spent=12))
    put_settled(aws)

    reprice(aws, 10, 10)

    assert read_key(aws)["remaining"] == -7


def test_of_two_repricings_at_once_one_is_written(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_settled(aws)

    assert not reprice(aws, 5, 5, client=InterruptedTransaction(aws.dynamodb, lambda: reprice(aws, 5, 5)))

    assert len(list_adjustments(aws)) == 1
    check_costs(aws)


def test_a_second_correction_adds_to_the_first(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_settled(aws)

    assert reprice(aws, 5)
    assert reprice(aws, -3, 2)

    record = read_record(aws, CALL)
    assert (record["repriced"], record["charged"], len(list_adjustments(aws))) == (2, 2, 2)
    check_costs(aws)


@pytest.mark.parametrize("charge", [0, 5])
def test_a_refund_gives_back_what_was_charged_and_takes_the_whole_cost_off(aws: Aws, charge: int) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_settled(aws)
    reprice(aws, 5, charge)

    refund = Refunds(aws.dynamodb, aws.keys_table, aws.usage_table, 400).refund(read_record(aws, CALL), NOW)

    assert (refund.amount, read_key(aws)["spent"]) == (17, 0)
    assert 12 + sum(entry["cost"] for entry in list_adjustments(aws)) == 0


def test_a_record_that_was_refunded_meanwhile_is_not_repriced(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_settled(aws)

    def refund() -> None:
        Refunds(aws.dynamodb, aws.keys_table, aws.usage_table, 400).refund(read_record(aws, CALL), NOW)

    assert not reprice(aws, 5, 5, client=InterruptedTransaction(aws.dynamodb, refund))
    check_costs(aws)


def test_a_refund_of_a_record_that_is_repriced_meanwhile_gives_back_all_of_it(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_settled(aws)
    before = read_record(aws, CALL)
    reprice(aws, 5, 5)

    with pytest.raises(RefundRefused, match="another cost now"):
        Refunds(aws.dynamodb, aws.keys_table, aws.usage_table, 400).refund(before, NOW)
    check_costs(aws)


def test_a_record_without_a_cost_can_get_one(aws: Aws) -> None:
    put_record(aws, CALL, unpriced="no_price", expires_at=NOW + 9)

    assert reprice(aws, 40)

    assert (read_record(aws, CALL)["repriced"], "cost" in read_record(aws, CALL)) == (40, False)


def test_a_budget_is_changed_only_of_a_key_that_is_there_and_of_a_closed_call(aws: Aws) -> None:
    put_settled(aws)
    with pytest.raises(KeyNotFound):
        reprice(aws, 5, 5)

    put_key(aws, budget_item(100, {HOLD: 30}))
    with pytest.raises(HoldOpen):
        reprice(aws, 5, 5)

    assert list_adjustments(aws) == []
    assert KEY_ID in read_record(aws, CALL)["pk"]
