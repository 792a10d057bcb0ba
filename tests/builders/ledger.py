"""Ledger data: API keys with valid tokens, items of the keys table, usage records."""

import time
from collections.abc import Mapping
from typing import Any

from qwen_gateway import ulid
from qwen_gateway.ledger import ApiKey, AttemptRecord, KeySnapshot, UsageRecord
from qwen_gateway.ledger import token as form
from qwen_gateway.ledger.dynamodb import to_item
from qwen_gateway.ledger.roll_up import late_mark
from qwen_gateway.usage import Usage

KEY_ID = "TestKey00001"
EXPIRED_S = 2_000
"""The age of a call whose hold has expired."""


def token(key_id: str = KEY_ID) -> str:
    """Return a new token of a key."""
    return form.create(key_id)


def mistype_token(good: str) -> str:
    """Return the token with its last character changed: its checksum is wrong."""
    return good[:-1] + ("0" if good[-1] != "0" else "1")


def garbage_token() -> str:
    """Return a key of another service, which has not the format of a token."""
    return "sk-proj-4f6f0b4e4f6f0b4e"


def api_key(**fields: Any) -> ApiKey:
    """Return an active key that does not expire."""
    known: dict[str, Any] = {
        "id": KEY_ID,
        "name": "tests",
        "token_hash": "0" * 64,
        "previous_hash": None,
        "previous_expires": None,
        "expires": None,
        "disabled": False,
    }
    return ApiKey(**(known | fields))


def key_item(text: str, **fields: Any) -> Any:
    """Return the item of the keys table for the token `text`, as `create_key` of docs/ledger.md writes it.

    `fields` are settings and state by their names there; None leaves one out. A key with a budget has it all left.
    """
    of_api_key = {name: fields.pop(name) for name in ApiKey._fields if name in fields}
    key = api_key(id=form.parse(text).id, token_hash=form.digest(text), **of_api_key)
    budget = fields.get("budget")
    limits = {"period": "total", "concurrency": 50, "default_max_output": 8_192} if budget is not None else {}
    settings: dict[str, Any] = {"version": 1, "created": 1_764_000_000, **limits}
    state: dict[str, Any] = {"remaining": budget or 0, "spent": 0, "total": 0, "alerted": 0, "window": {}, "holds": {}}
    return to_item({**settings, **state, **key._asdict(), **fields})


def old_key_item(text: str, **fields: Any) -> Any:
    """Return the item of a key that was created before the ledger: it has neither limits nor `remaining`."""
    return key_item(text, remaining=None, alerted=None, **fields)


def key_snapshot(**fields: Any) -> KeySnapshot:
    """Return an active key's item without limits, as DynamoDB returned it."""
    of_api_key = {name: fields.pop(name) for name in ApiKey._fields if name in fields}
    return KeySnapshot(**{"key": api_key(**of_api_key), "version": 1, "remaining": 0, **fields})


def budget_item(budget: int, holds: Mapping[str, int] | None = None, *, spent: int = 0, **fields: Any) -> Any:
    """Return the item of a key with a budget, in pico-units, whose open calls hold `holds`."""
    held = holds or {}
    state = {"remaining": budget - spent - sum(held.values()), "spent": spent, "holds": held}
    return key_item(token(), budget=budget, **(state | fields))


def put_expired_hold(aws: Any, amount: int = 7) -> str:
    """Store a key with a budget of 100 whose only call holds `amount` and is long over; return the call's ULID."""
    call = ulid.new(int((time.time() - EXPIRED_S) * 1000))
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=budget_item(100, {f"{call}.0": amount}))
    return call


def put_open_record(aws: Any) -> str:
    """Store a key without limits and the open record of a call that is long over; return the call's ULID."""
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(token("TestKey00002")))
    call = ulid.new(int((time.time() - EXPIRED_S) * 1000))
    record: dict[str, Any] = {"pk": "KEY#TestKey00002", "sk": f"USE#{call}", "state": "open", "created": 1_764_000_000}
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(record))
    return call


def put_late_record(aws: Any, at_ms: int = 1_764_000_000_000, cost: int = 7, key_id: str = KEY_ID) -> str:
    """Store a record of a day that may be rolled up, with the mark of its day; return the call's ULID."""
    call = ulid.new(at_ms)
    record: dict[str, Any] = {"pk": f"KEY#{key_id}", "sk": f"USE#{call}", "cost": cost, "cost_currency": "USD"}
    for item in (record, late_mark(key_id, call)):
        aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(item))
    return call


def usage_record(**fields: Any) -> UsageRecord:
    """Return the record of a successful call, with `fields` replaced."""
    attempt = AttemptRecord(provider="dashscope", model="qwen-plus", charged="billed", latency_ms=410, http_status=200)
    known: dict[str, Any] = {
        "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "key_id": KEY_ID,
        "created": 1_764_000_000,
        "model_asked": "qwen-plus",
        "streamed": False,
        "status": 200,
        "outcome": "answered",
        "latency_ms": 420,
        "first_token_ms": 110,
        "model_used": "qwen-plus",
        "provider": "dashscope",
        "attempts": (attempt,),
        "usage": Usage(tokens_in=12, tokens_out=3),
    }
    return UsageRecord(**(known | fields))
