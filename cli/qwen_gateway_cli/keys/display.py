"""A key as JSON and as table rows. Hashes and tokens are never part of it."""

import time
from collections.abc import Mapping
from typing import Any

from qwen_gateway.ledger.key_settings import Key, KeyLimits, KeySettings
from qwen_gateway_cli.amounts import format_amount
from qwen_gateway_cli.timestamps import format_optional_utc, format_utc

_SECONDS_PER_MINUTE = 60


def build_json(key: KeySettings, currency: str) -> dict[str, Any]:
    """Return the settings of a key."""
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state(time.time()),
        "created": format_utc(key.created),
        "expires": format_optional_utc(key.expires),
        "previous_token_ends": format_optional_utc(key.previous_expires),
        **_build_limits(key.limits, currency),
    }


def build_json_with_counters(key: Key, currency: str) -> dict[str, Any]:
    """Return the settings of a key, and what the ledger counts for it."""
    account = key.account
    minute = int(time.time()) // _SECONDS_PER_MINUTE
    return build_json(key.settings, currency) | {
        "spent": format_amount(account.spent),
        "held": format_amount(account.held),
        "remaining": None if account.remaining is None else format_amount(account.remaining),
        "spent_in_earlier_periods": format_amount(account.total),
        "period_end": format_optional_utc(account.period_end),
        "open_holds": len(account.holds),
        "requests_this_minute": account.window.get(f"r{minute}", 0),
        "tokens_this_minute": account.window.get(f"t{minute}", 0),
    }


def build_row(key: KeySettings) -> tuple[str, ...]:
    """Return the cells of a key in the list."""
    now = time.time()
    return (
        key.id,
        key.state(now),
        format_utc(key.created),
        format_value(format_optional_utc(key.expires)),
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


def _build_limits(limits: KeyLimits, currency: str) -> dict[str, Any]:
    return {
        "budget": None if limits.budget is None else format_amount(limits.budget),
        "currency": currency,
        "period": limits.period,
        "rpm": limits.rpm,
        "tpm": limits.tpm,
        "concurrency": limits.concurrency,
        "models": None if limits.models is None else list(limits.models),
        "default_max_output": limits.default_max_output,
        "on_limit": limits.on_limit,
    }
