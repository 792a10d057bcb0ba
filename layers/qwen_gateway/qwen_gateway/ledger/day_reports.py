"""What was used on some days, for reports: the rows of the days, and what lies after their watermark."""

from collections.abc import Iterator, Mapping
from typing import Any

from qwen_gateway import ulid
from qwen_gateway.ledger.day_rows import DayRow
from qwen_gateway.ledger.days import day_of, end_of, start_of
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S
from qwen_gateway.ledger.usage_items import UsageItems


def read_days(items: UsageItems, key_id: str, first_day: str, last_day: str, now: float) -> list[DayRow]:
    """Return what a key used on days, both ends included, one row for each day with records.

    Records that are not rolled up yet are added, so that nothing is missing. `now` is in seconds since 1970.
    """
    rows = {row.day: row for row in items.rows(key_id, first_day, last_day)}
    upto = max((row.upto for row in rows.values()), default=start_of(first_day))
    for fields in read_counted(items, key_id, (max(upto, start_of(first_day)), end_of(last_day)), now):
        day = day_of(ulid.milliseconds(fields["sk"][4:]))
        rows.setdefault(day, DayRow(key_id, day, {})).add(fields)
    return list(rows.values())


def read_counted(
    items: UsageItems, key_id: str, times: tuple[int, int], now: float, extra: tuple[str, ...] = ()
) -> Iterator[Mapping[str, Any]]:
    """Yield the records and adjustments of [start, end) in ms, with the attributes that rows count and `extra` ones.

    An open record older than a hold's lifetime counts as abandoned: nobody closes that of a deleted key.
    """
    over = ulid.time_prefix(int((now - HOLD_LIFETIME_S) * 1_000))
    for fields in items.counted(key_id, *times, extra):
        is_over = fields.get("state") == "open" and fields["sk"][4:] < over
        yield fields | {"state": "abandoned", "unpriced": "abandoned"} if is_over else fields
