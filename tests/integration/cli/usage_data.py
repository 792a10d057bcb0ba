"""Keys and calls for the commands about usage, on one evening."""

import time
from typing import Any

from qwen_gateway import ulid
from qwen_gateway.ledger import UsageLedger
from qwen_gateway.ledger.roll_up import RollUp
from tests.builders import key_item, key_snapshot, token, usage_record
from tests.builders.ledger import KEY_ID
from tests.integration.emulated_aws import Aws

NOW = 1_795_543_200
"""2026-11-24, 18:00 UTC."""
TODAY = "2026-11-24"
DOLLAR = 10**12


def put_key(aws: Aws, key_id: str = KEY_ID, name: str = "backend", **fields: Any) -> None:
    """Store a key."""
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(token(key_id), name=name, **fields))


def put_call(
    aws: Aws, *, at_s: int = NOW - 7_200, cost: int | None = DOLLAR, key_id: str = KEY_ID, **fields: Any
) -> str:
    """Store the record of a call, and return its ULID."""
    known: dict[str, Any] = {"cost": cost, "cost_currency": None if cost is None else "USD"}
    record = usage_record(id=ulid.new(at_s * 1000), created=at_s, key_id=key_id, **(known | fields))
    UsageLedger(aws.dynamodb, aws.usage_table, 400).put_record(record)
    return record.id


def roll_up(aws: Aws, *key_ids: str) -> None:
    """Roll the records of keys up."""
    for key_id in key_ids or (KEY_ID,):
        RollUp(aws.dynamodb, aws.usage_table, time.time()).run(key_snapshot(id=key_id))
