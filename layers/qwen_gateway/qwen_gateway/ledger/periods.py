"""The ends of budget periods, in UTC."""

import calendar
import time

_SECONDS_A_DAY = 86_400


def next_period_end(period: str | None, now: int) -> int | None:
    """Return the end of the period in which `now` lies, in seconds since 1970; None for `total`, which has no end."""
    match period:
        case "day":
            return (now // _SECONDS_A_DAY + 1) * _SECONDS_A_DAY
        case "month":
            moment = time.gmtime(now)
            year, month = (moment.tm_year, moment.tm_mon + 1) if moment.tm_mon < 12 else (moment.tm_year + 1, 1)  # noqa: PLR2004 - months of a year
            return calendar.timegm((year, month, 1, 0, 0, 0))
    return None
