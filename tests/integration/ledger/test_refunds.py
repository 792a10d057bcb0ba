"""Refunds: once, only of closed calls, and from this period first."""

from typing import Any, cast

import pytest

from qwen_gateway.ledger.key_errors import HoldOpen, KeyConflict, KeyNotFound, RefundRefused
from qwen_gateway.ledger.refunds import Refund, Refunds
from tests.builders import key_item, token
from tests.builders.ledger import KEY_ID, budget_item
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedTransaction
from tests.integration.ledger.items import list_adjustments, put_key, put_record, read_key, read_record, spend

NOW = 1_790_000_000
CALL = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
HOLD = f"{CALL}.0"


def refund(aws: Aws, *, client: Any = None) -> Refund:
    refunds = Refunds(cast("Any", client or aws.dynamodb), aws.keys_table, aws.usage_table, 400)
    return refunds.refund(read_record(aws, CALL), NOW)


@pytest.mark.parametrize("state", ["settled", "abandoned"])
def test_money_comes_back_to_this_period(aws: Aws, state: str) -> None:
    put_key(aws, budget_item(100, {"01ARZ3NDEKTSV4RRFFQ69G5FAW.0": 5}, spent=30, total=9))
    put_record(aws, CALL, state=state, hold=HOLD, cost=12, cost_currency="USD")

    assert refund(aws) == Refund(KEY_ID, 12)

    key, record = read_key(aws), read_record(aws, CALL)
    assert (key["remaining"], key["spent"], key["total"]) == (77, 18, 9)
    (adjustment,) = list_adjustments(aws)
    assert adjustment["sk"] == f"ADJ#{record['adjustment']}"
    assert (adjustment["cost"], adjustment["request"], adjustment["cost_currency"]) == (-12, CALL, "USD")
    assert adjustment["expires_at"] == NOW + 400 * 86_400


def test_what_this_period_has_not_spent_comes_from_the_earlier_ones(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=5, total=20))
    put_record(aws, CALL, state="settled", hold=HOLD, cost=12)

    refund(aws)

    assert (read_key(aws)["remaining"], read_key(aws)["spent"], read_key(aws)["total"]) == (100, 0, 13)


@pytest.mark.parametrize("state", [{}, {"state": "settled"}])
def test_a_call_without_a_hold_changes_no_counter(aws: Aws, state: dict[str, Any]) -> None:
    put_key(aws, key_item(token()))
    before = read_key(aws)
    put_record(aws, CALL, cost=12, **state)

    refund(aws)

    assert read_key(aws) == before
    assert len(list_adjustments(aws)) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "open"}, "still open"),
        ({"state": "settled", "unpriced": "unknown"}, "cost nothing"),
        ({"state": "not_called", "hold": HOLD, "cost": 0}, "cost nothing"),
        ({"state": "settled", "cost": 12, "adjustment": CALL}, "refunded before"),
    ],
)
def test_a_record_without_a_cost_or_with_a_refund_is_refused(aws: Aws, fields: dict[str, Any], message: str) -> None:
    put_key(aws, budget_item(100, spent=30))
    put_record(aws, CALL, **fields)

    with pytest.raises(RefundRefused, match=message):
        refund(aws)

    assert (read_key(aws)["spent"], list_adjustments(aws)) == (30, [])


def test_a_call_whose_hold_is_open_is_refused(aws: Aws) -> None:
    put_key(aws, budget_item(100, {HOLD: 30}, spent=30))
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30)

    with pytest.raises(HoldOpen, match="reconcile --now"):
        refund(aws)

    assert "adjustment" not in read_record(aws, CALL)


def test_a_record_of_a_deleted_key_is_refused(aws: Aws) -> None:
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30)

    with pytest.raises(KeyNotFound):
        refund(aws)


def test_the_second_of_two_refunds_at_once_is_refused(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=30))
    put_record(aws, CALL, state="settled", hold=HOLD, cost=12)

    with pytest.raises(RefundRefused, match="refunded before"):
        refund(aws, client=InterruptedTransaction(aws.dynamodb, lambda: refund(aws)))

    assert (read_key(aws)["spent"], len(list_adjustments(aws))) == (18, 1)


def test_a_repeated_transaction_is_one_refund(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=30))
    put_record(aws, CALL, state="settled", hold=HOLD, cost=12)

    assert refund(aws, client=InterruptedTransaction(aws.dynamodb, repeats=True)).amount == 12

    assert (read_key(aws)["spent"], len(list_adjustments(aws))) == (18, 1)


def test_a_roll_meanwhile_takes_the_refund_from_the_earlier_periods(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=30))
    put_record(aws, CALL, state="settled", hold=HOLD, cost=12)
    rolled = budget_item(100, spent=0, total=30)

    refund(aws, client=InterruptedTransaction(aws.dynamodb, lambda: put_key(aws, rolled)))

    assert (read_key(aws)["spent"], read_key(aws)["total"]) == (0, 18)


def test_a_key_whose_spent_falls_at_every_attempt_is_a_conflict(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=12))
    put_record(aws, CALL, state="settled", hold=HOLD, cost=12)

    with pytest.raises(KeyConflict, match="Repeat the command"):
        refund(aws, client=InterruptedTransaction(aws.dynamodb, lambda: spend(aws, -1)))

    assert "adjustment" not in read_record(aws, CALL)
