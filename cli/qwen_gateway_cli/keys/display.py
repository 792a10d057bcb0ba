"""A key as JSON and as table rows. Hashes and tokens are never part of it."""

import time
from collections.abc import Mapping
from typing import Any

from qwen_gateway.amounts import format_exactly
from qwen_gateway.ledger import KeySnapshot
from qwen_gateway_cli.timestamps import format_optional_utc, format_utc


def build_json(key: KeySnapshot, currency: str) -> dict[str, Any]:
    """Return the settings of a key."""
    return {
        "id": key.id,
        "name": key.name,
        "state": key.status(time.time()),
        "created": format_utc(key.created),
        "expires": format_optional_utc(key.key.expires),
        "previous_token_ends": format_optional_utc(key.key.previous_expires),
        "budget": None if key.budget is None else format_exactly(key.budget),
        "currency": currency,
        "period": key.period,
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
        "models": None if key.models is None else list(key.models),
        "default_max_output": key.default_max_output,
        "on_limit": key.on_limit,
    }


def build_json_with_counters(key: KeySnapshot, currency: str) -> dict[str, Any]:
    """Return the settings of a key, and what the ledger counts for it."""
    now = int(time.time())
    # Without a budget, or before the key's first call, the item's `remaining` means nothing.
    remaining = None if key.budget is None or key.remaining is None else format_exactly(key.remaining)
    return build_json(key, currency) | {
        "spent": format_exactly(key.spent),
        "held": format_exactly(key.held),
        "remaining": remaining,
        "spent_in_earlier_periods": format_exactly(key.total),
        "period_end": format_optional_utc(key.period_end),
        "open_holds": len(key.holds),
        "requests_this_minute": key.requests(now),
        "tokens_this_minute": key.tokens(now),
    }


def build_row(key: KeySnapshot) -> tuple[str, ...]:
    """Return the cells of a key in the list."""
    return (
        key.id,
        key.status(time.time()),
        format_utc(key.created),
        format_value(format_optional_utc(key.key.expires)),
        key.name,
    )


def build_rows(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a key's JSON as rows of name and value."""
    return [(name, format_value(value)) for name, value in fields.items()]


def format_value(value: object) -> str:
    """Return a value as text."""
    match value:
        case None:
            return "-"
        case list():
            return ", ".join(value)
    return str(value)
