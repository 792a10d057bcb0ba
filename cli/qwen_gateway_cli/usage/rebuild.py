"""`qwen-gateway usage rebuild`: sum the records of a day anew."""

import time
from typing import Annotated

import typer

from qwen_gateway.ledger.days import end_of
from qwen_gateway.ledger.roll_up import RollUp, RowConflict
from qwen_gateway_cli.console import note, refuse, show
from qwen_gateway_cli.date_range import parse_date_range
from qwen_gateway_cli.key_names import KeyOption, find_keys
from qwen_gateway_cli.stack import Stack, StackOption, require_stack

_MS_A_DAY = 86_400_000


def rebuild(
    day: Annotated[str, typer.Option(metavar="DATE", help="The day (UTC).")],
    key: KeyOption = None,
    stack: StackOption = None,
) -> None:
    """Sum the records of a day anew, for each key, as far as they were summed before.

    The stack does it by itself for records that come late. Days whose records DynamoDB may have deleted are refused.
    """
    (day, _) = parse_date_range(day, day)
    gateway = require_stack(stack)
    if end_of(day) + (gateway.usage_retention_days - 1) * _MS_A_DAY <= time.time() * 1000:
        refuse(f"DynamoDB deletes records after {gateway.usage_retention_days} days, so those of {day} may be gone.")
    roll_up = RollUp(gateway.clients.dynamodb, gateway.usage_table, time.time())
    rebuilt = 0
    for key_id, name in find_keys(gateway, key).items():
        try:
            rebuilt += roll_up.rebuild(key_id, day)
        except RowConflict:
            note(f"{name}: reconcile wrote the row at every attempt. Repeat the command.")
    show(f"Rebuilt {day} for {rebuilt} keys.")


def rebuild_late_days(gateway: Stack, key_ids: set[str]) -> None:
    """Sum the late days of keys anew; what another run is doing is left to it."""
    roll_up = RollUp(gateway.clients.dynamodb, gateway.usage_table, time.time())
    for key_id in key_ids:
        try:
            roll_up.rebuild_late_days(key_id)
        except RowConflict:
            note(f"key {key_id}: reconcile will rebuild its days.")
