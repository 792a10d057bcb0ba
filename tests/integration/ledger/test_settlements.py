"""A hold is released once, at the cost of the record that won, whatever happened to the key meanwhile."""

import pytest

from qwen_gateway.errors import LedgerUnavailable
from qwen_gateway.ledger.dynamodb import to_item
from tests.builders import usage_record
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.key_with_ledger import MINUTE, NOW, ULID, Ledger


def test_settling_twice_charges_once(ledger: Ledger) -> None:
    admission = ledger.admit()
    record = usage_record(id=ULID, key_id=ledger.id, hold=admission.hold, cost=70)

    for cost in (70, 200):
        winner = ledger.settlements.put(admission, record._replace(cost=cost))
        assert winner.cost == 70
        ledger.settlements.release(admission, winner, 5, NOW)

    assert (ledger.item["spent"], ledger.holds, ledger.is_balanced()) == (70, {}, True)


def test_settling_after_reconcile_follows_its_record(ledger: Ledger, aws: Aws) -> None:
    admission = ledger.admit()
    abandoned = {
        "pk": f"KEY#{ledger.id}",
        "sk": f"USE#{ULID}",
        "state": "abandoned",
        "hold": admission.hold,
        "cost": 300,
    }
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(abandoned))

    winner = ledger.settlements.put(admission, usage_record(id=ULID, key_id=ledger.id, hold=admission.hold, cost=70))
    ledger.settlements.release(admission, winner, 0, NOW)

    assert (winner.state, ledger.item["spent"], ledger.is_balanced()) == ("abandoned", 300, True)


def test_a_hold_with_another_amount_is_released_at_that_amount(ledger: Ledger) -> None:
    admission = ledger.admit()
    raised = ledger.settlements.raise_hold(admission, 450)
    assert raised
    winner = ledger.settlements.put(raised, usage_record(id=ULID, key_id=ledger.id, hold=admission.hold, cost=70))

    ledger.settlements.release(admission, winner, 0, NOW)

    assert (ledger.item["spent"], ledger.holds, ledger.is_balanced()) == (70, {}, True)


def test_a_hold_is_raised_once_and_only_within_the_budget(ledger: Ledger) -> None:
    admission = ledger.admit()

    raised = [ledger.settlements.raise_hold(admission, 1_000) for _ in range(2)]

    assert raised == [admission._replace(amount=1_000)] * 2
    assert ledger.settlements.raise_hold(admission._replace(amount=1_000), 1_001) is None
    assert (ledger.item["remaining"], ledger.is_balanced()) == (0, True)


def test_a_key_deleted_in_mid_call_ends_the_settlement(ledger: Ledger, aws: Aws) -> None:
    admission = ledger.admit()
    aws.dynamodb.delete_item(TableName=aws.keys_table, Key={"id": {"S": ledger.id}})

    winner = ledger.settlements.put(admission, usage_record(id=ULID, key_id=ledger.id, hold=admission.hold, cost=70))

    assert ledger.settlements.release(admission, winner, 5, NOW) is None
    assert aws.dynamodb.scan(TableName=aws.keys_table)["Count"] == 0


def test_stale_minutes_are_removed_with_the_hold(aws: Aws) -> None:
    old, young = NOW // 60 - 11, NOW // 60 - 10
    ledger = Ledger(aws, budget=1_000, tpm=100, window={f"r{old}": 1, f"t{old}": 9, f"r{young}": 2})
    admission = ledger.admit()
    winner = ledger.settlements.put(admission, usage_record(id=ULID, key_id=ledger.id, hold=admission.hold, cost=1))

    ledger.settlements.release(admission, winner, 15, NOW)

    assert ledger.item["window"] == {f"r{young}": 2, MINUTE: 1, f"t{NOW // 60}": 15}


def test_an_open_record_is_replaced_once(ledger: Ledger) -> None:
    record = usage_record(key_id=ledger.id, state="open", status=None, latency_ms=None, outcome="open")
    for _ in range(2):
        ledger.records.put_open(record)

    costs = [ledger.records.replace_open(record._replace(state="settled", cost=cost)).cost for cost in (1, 2)]

    assert costs == [1, 1]
    with pytest.raises(LedgerUnavailable):
        ledger.records.put_open(record)
