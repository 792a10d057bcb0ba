"""The periods of budgets, in UTC, and the write that starts the next one."""

import calendar
import time
from typing import Any, Literal

from qwen_gateway.ledger.expressions import expressions

type Period = Literal["day", "month", "total"]

PERIODS: tuple[Period, ...] = ("day", "month", "total")

_SECONDS_A_DAY = 86_400
_DECEMBER = 12


def end_of_period(period: Period, now: float) -> int | None:
    """Return the end of the period that contains `now`, in seconds since 1970; None for `total`, which has no end."""
    match period:
        case "day":
            return (int(now) // _SECONDS_A_DAY + 1) * _SECONDS_A_DAY
        case "month":
            today = time.gmtime(now)
            year, month = (today.tm_year + 1, 1) if today.tm_mon == _DECEMBER else (today.tm_year, today.tm_mon + 1)
            return calendar.timegm((year, month, 1, 0, 0, 0))
    return None


def roll_period(period: Period, now: int) -> dict[str, Any]:
    """Return the expressions of `roll_period` (docs/ledger.md) for the item of a key with a period that ends."""
    return expressions(
        {":zero": 0, ":next": end_of_period(period, now), ":now": now, ":period": period},
        UpdateExpression=(
            "SET #remaining = #remaining + #spent, #total = #total + #spent, #spent = :zero, #alerted = :zero, "
            "#period_end = :next"
        ),
        ConditionExpression="#period_end <= :now AND #period = :period",
    )
