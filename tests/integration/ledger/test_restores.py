"""Lost records are put in once, whatever reconcile has made of their calls."""

from typing import Any, cast

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger import record_fields
from qwen_gateway.ledger.key_errors import HoldOpen, KeyNotFound
from qwen_gateway.ledger.restores import Restores
from qwen_gateway.ledger.roll_up import RollUp
from tests.builders import key_snapshot, usage_record
from tests.builders.ledger import budget_item
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedTransaction
from tests.integration.ledger.items import put_key, put_record, read_key, read_record
from tests.integration.ledger.rolled_up_days import check_sums, cost_of, read_rows

NOW = 1_790_000_000
AT_MS = 1_789_000_000_000
CALL = ulid.new(AT_MS)
HOLD = f"{CALL}.0"


def lost(**fields: Any) -> dict[str, Any]:
    """Return a record as it stands in the log."""
    known: dict[str, Any] = {"id": CALL, "cost": 4, "cost_currency": "USD", "hold": HOLD}
    return dict(record_fields(usage_record(**(known | fields))))


def restore(aws: Aws, record: dict[str, Any] | None = None, *, client: Any = None) -> str:
    table = Restores(cast("Any", client or aws.dynamodb), aws.keys_table, aws.usage_table, 400)
    return table.restore(record or lost())


def roll_up(aws: Aws) -> None:
    RollUp(aws.dynamodb, aws.usage_table, NOW).run(key_snapshot())


def test_a_lost_record_is_put_in_once_and_its_day_is_summed_anew(aws: Aws) -> None:
    put_record(aws, ulid.new(AT_MS + 1), cost=1, cost_currency="USD")
    roll_up(aws)

    assert [restore(aws), restore(aws)] == ["restored", "exists"]
    roll_up(aws)

    record = read_record(aws, CALL)
    assert (record["cost"], record["tokens_in"], record["state"]) == (4, 12, "settled")
    assert record["expires_at"] == record["created"] + 400 * 86_400
    assert [cost_of(row) for row in read_rows(aws).values()] == [5]
    check_sums(aws)


def test_the_true_record_replaces_that_of_reconcile_and_the_key_gets_the_rest_back(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=30))
    put_record(aws, CALL, state="abandoned", hold=f"{CALL}.1", cost=30, cost_currency="USD")
    roll_up(aws)

    assert [restore(aws), restore(aws)] == ["replaced", "exists"]
    roll_up(aws)

    record, key = read_record(aws, CALL), read_key(aws)
    assert (record["state"], record["cost"], record["hold"]) == ("settled", 4, f"{CALL}.1")
    assert (key["remaining"], key["spent"]) == (96, 4)
    check_sums(aws)


def test_what_earlier_periods_spent_comes_back_from_there(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=10, total=20))
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30)

    restore(aws)

    assert (read_key(aws)["spent"], read_key(aws)["total"]) == (0, 4)


@pytest.mark.parametrize("state", ["open", "abandoned"])
def test_the_record_of_a_call_without_a_hold_is_replaced(aws: Aws, state: str) -> None:
    put_record(aws, CALL, state=state, unpriced="abandoned")

    assert restore(aws, lost(hold=None)) == "replaced"

    assert (read_record(aws, CALL)["cost"], "unpriced" in read_record(aws, CALL)) == (4, False)


def test_a_call_that_was_refunded_is_left_as_it_is(aws: Aws) -> None:
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30, adjustment=CALL)

    assert restore(aws) == "refunded"
    assert read_record(aws, CALL)["cost"] == 30


def test_a_record_whose_hold_is_open_is_put_in_and_reconcile_closes_the_hold(aws: Aws) -> None:
    put_key(aws, budget_item(100, {HOLD: 30}))

    assert restore(aws) == "restored"
    assert read_key(aws)["holds"] == {HOLD: 30}


def test_a_hold_that_reconcile_is_closing_has_to_be_awaited(aws: Aws) -> None:
    put_key(aws, budget_item(100, {HOLD: 30}))
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30)

    with pytest.raises(HoldOpen):
        restore(aws)


def test_the_abandoned_call_of_a_deleted_key_stays(aws: Aws) -> None:
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30)

    with pytest.raises(KeyNotFound):
        restore(aws)


def test_of_two_at_once_one_replaces_the_record(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=30))
    put_record(aws, CALL, state="abandoned", hold=HOLD, cost=30)
    first: list[str] = []

    def restore_first() -> None:
        if not first:
            first.append("")
            first[0] = restore(aws)

    assert restore(aws, client=InterruptedTransaction(aws.dynamodb, restore_first)) == "exists"
    assert (first, read_key(aws)["spent"]) == (["replaced"], 4)
