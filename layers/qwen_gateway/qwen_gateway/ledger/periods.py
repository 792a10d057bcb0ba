"""The periods of budgets, in UTC."""

import calendar
import time
from typing import Literal

type Period = Literal["day", "month", "total"]

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
