"""`qwen-gateway usage rebuild`: sum the records of a day anew."""

import time
from collections import Counter
from typing import Annotated

import typer

from qwen_gateway.ledger.days import DAY_MS, day_of
from qwen_gateway.ledger.roll_up import RollUp, RowConflict
from qwen_gateway_cli.console import note, show
from qwen_gateway_cli.date_range import parse_date_range
from qwen_gateway_cli.key_names import KeyOption, find_keys
from qwen_gateway_cli.stack import Stack, StackOption, require_stack


def rebuild(
    day: Annotated[str, typer.Option(metavar="DATE", help="The day (UTC).")],
    key: KeyOption = None,
    stack: StackOption = None,
) -> None:
    """Sum the records of a day anew, for each key, as far as they were summed before.

    The stack does it by itself for records that come late. If records of the day have expired, its sums stay as they
    are.
    """
    (day, _) = parse_date_range(day, day)
    gateway = require_stack(stack)
    roll_up = RollUp(gateway.clients.dynamodb, gateway.usage_table, time.time())
    results: Counter[str] = Counter()
    for key_id, name in find_keys(gateway, key).items():
        try:
            results[roll_up.rebuild(key_id, day)] += 1
        except RowConflict:
            note(f"{name}: reconcile wrote the row at every attempt. Repeat the command.")
    show(f"Rebuilt {day} for {results['rebuilt']} keys.")
    if results["expired"]:
        show(f"Records of {day} have expired for {results['expired']} keys. Their sums stay as they are.")


def find_oldest_day(gateway: Stack) -> str:
    """Return the earliest day of which no record has expired. An earlier one cannot be summed anew."""
    return day_of(int(time.time() * 1000) - (gateway.usage_retention_days - 1) * DAY_MS)


def rebuild_late_days(gateway: Stack, key_ids: set[str]) -> None:
    """Sum the late days of keys anew; what another run is doing is left to it."""
    roll_up = RollUp(gateway.clients.dynamodb, gateway.usage_table, time.time())
    for key_id in key_ids:
        try:
            roll_up.rebuild_late_days(key_id)
        except RowConflict:
            note(f"key {key_id}: reconcile will rebuild its days.")
