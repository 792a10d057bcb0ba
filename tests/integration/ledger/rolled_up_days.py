"""Calls on days, runs of the roll-up, and the rows that it makes of the days."""

from typing import Any, cast

from qwen_gateway import ulid
from qwen_gateway.ledger.day_rows import DayRow, Totals
from qwen_gateway.ledger.days import DAY_MS, start_of
from qwen_gateway.ledger.dynamodb import from_item, to_item
from qwen_gateway.ledger.roll_up import RolledUp, RollUp
from tests.builders import key_snapshot
from tests.builders.ledger import KEY_ID
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.items import put_record

DAY, NEXT_DAY = "2026-11-24", "2026-11-25"
NOON = start_of(DAY) + DAY_MS // 2
LATER = NOON // 1000 + 3 * 86_400


def run_roll_up(aws: Aws, *, client: Any = None, now: float = LATER, **settings: Any) -> RolledUp:
    """Run the roll-up of the key with these settings."""
    roll_ups = RollUp(cast("Any", client or aws.dynamodb), aws.usage_table, now)
    return roll_ups.run(key_snapshot(**settings))


def put_call(aws: Aws, at_ms: int, cost: int = 7, **fields: Any) -> str:
    """Store the settled record of a call and return its ULID."""
    call = ulid.new(at_ms)
    known: dict[str, Any] = {"cost": cost, "cost_currency": "USD", "outcome": "answered"}
    put_record(aws, call, **(known | fields))
    return call


def put_adjustment(aws: Aws, at_ms: int, cost: int) -> None:
    """Store an adjustment of this cost."""
    entry: dict[str, Any] = {
        "pk": f"KEY#{KEY_ID}",
        "sk": f"ADJ#{ulid.new(at_ms)}",
        "cost": cost,
        "cost_currency": "USD",
    }
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(entry))


def read_items(aws: Aws, kind: str) -> list[dict[str, Any]]:
    """Return the items of the usage table whose sort keys start with `kind`."""
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=aws.usage_table)
    items = [from_item(item) for page in pages for item in page["Items"]]
    return [item for item in items if item["sk"].startswith(kind)]


def read_rows(aws: Aws) -> dict[str, DayRow]:
    """Return the rows by their day."""
    rows = [DayRow.of(to_item(item)) for item in read_items(aws, "DAY#")]
    return {row.day: row for row in rows}


def total(row: DayRow) -> Totals:
    """Return the sums of all models of a day."""
    totals = Totals.empty()
    for each in row.models.values():
        totals.add(each)
    return totals


def cost_of(row: DayRow, currency: str = "USD") -> int:
    """Return what a day cost, adjustments included."""
    totals = total(row)
    return totals.cost.get(currency, 0) + totals.adjusted.get(currency, 0)


def check_sums(aws: Aws) -> None:
    """Check that the rows have what the records and adjustments say, to the pico-unit."""
    stored = [*read_items(aws, "USE#"), *read_items(aws, "ADJ#")]
    assert sum(map(cost_of, read_rows(aws).values())) == sum(item.get("cost", 0) for item in stored)
    counted = sum(sum(total(row).requests.values()) for row in read_rows(aws).values())
    assert counted == len(read_items(aws, "USE#"))
