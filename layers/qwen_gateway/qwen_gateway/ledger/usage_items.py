"""Reads of the usage table for one key: records, adjustments and rows of days, in order of time.

Ranges are half-open, in milliseconds since 1970. Every read is consistent.
"""

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qwen_gateway import ulid
from qwen_gateway.ledger.day_rows import SUMMED, DayRow
from qwen_gateway.ledger.days import day_of, end_of, start_of
from qwen_gateway.ledger.dynamodb import Item, from_item
from qwen_gateway.ledger.expressions import expressions
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_IDENTITY = ("pk", "sk", "state", "outcome", "provider", "model_used", "model_asked")
_OTHERS = ("first_token_ms", "cost", "cost_currency", "unpriced")
_COUNTED = (*_IDENTITY, *SUMMED, *_OTHERS)
"""What the row of a day counts."""
_RANGE = "#pk = :pk AND #sk BETWEEN :first AND :last"


class UsageItems:
    """The usage table, read by key."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def counted(self, key_id: str, start_ms: int, end_ms: int, extra: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        """Yield the records and adjustments of a time, with what the row of a day counts, and `extra` attributes."""
        projection = ", ".join(f"#{name}" for name in (*_COUNTED, *extra))
        kinds = (self._query_times(key_id, kind, start_ms, end_ms, projection) for kind in ("ADJ", "USE"))
        return heapq.merge(*kinds, key=lambda fields: fields["sk"][4:])

    def counted_so_far(
        self, key_id: str, times: tuple[int, int], now: float, extra: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        """Yield what `counted` does, for reports at `now`, in seconds since 1970.

        An open record older than a hold's lifetime counts as abandoned: nobody closes that of a deleted key.
        """
        over = ulid.time_prefix(int((now - HOLD_LIFETIME_S) * 1_000))
        for fields in self.counted(key_id, *times, extra):
            is_over = fields.get("state") == "open" and fields["sk"][4:] < over
            yield fields | {"state": "abandoned", "unpriced": "abandoned"} if is_over else fields

    def days_so_far(self, key_id: str, first_day: str, last_day: str, now: float) -> list[DayRow]:
        """Return what a key used on days, both ends included, one row for each day with records.

        Records that are not rolled up yet are added, so that nothing is missing. `now` is in seconds since 1970.
        """
        rows = {row.day: row for row in self.rows(key_id, first_day, last_day)}
        upto = max((row.upto for row in rows.values()), default=0)
        for fields in self.counted_so_far(key_id, (max(upto, start_of(first_day)), end_of(last_day)), now):
            day = day_of(ulid.milliseconds(fields["sk"][4:]))
            rows.setdefault(day, DayRow(key_id, day, {})).add(fields)
        return list(rows.values())

    def records(self, key_id: str, start_ms: int, end_ms: int) -> Iterator[dict[str, Any]]:
        """Yield the records of a time, with all of their attributes."""
        return self._query_times(key_id, "USE", start_ms, end_ms)

    def rows(self, key_id: str, first_day: str, last_day: str) -> list[DayRow]:
        """Return the rows of days, both ends included."""
        return [DayRow.of(item) for item in self._query(key_id, f"DAY#{first_day}", f"DAY#{last_day}")]

    def row(self, key_id: str, day: str) -> DayRow | None:
        """Return the row of a day, None if it has none."""
        return next(iter(self.rows(key_id, day, day)), None)

    def latest_row(self, key_id: str) -> DayRow | None:
        """Return the latest row of a key, None without any."""
        item = self._find_last(key_id, "DAY#", "DAY#~")
        return DayRow.of(item) if item else None

    def late_day_or_latest_row(self, key_id: str) -> dict[str, Any] | DayRow | None:
        """Return a mark of a late day, if the key has one, or else its latest row. It is one read: marks sort last."""
        item = self._find_last(key_id, "DAY#", "LATE#~")
        if item is None:
            return None
        return DayRow.of(item) if "models" in item else from_item(item)

    def late_days(self, key_id: str) -> list[dict[str, Any]]:
        """Return the marks of the late days of a key."""
        return [from_item(item) for item in self._query(key_id, "LATE#", "LATE#~")]

    def _query_times(
        self, key_id: str, kind: str, start_ms: int, end_ms: int, projection: str = ""
    ) -> Iterator[dict[str, Any]]:
        first, last = (f"{kind}#{ulid.time_prefix(each)}" for each in (start_ms, end_ms))
        yield from map(from_item, self._query(key_id, first, last, projection))

    def _query(self, key_id: str, first: str, last: str, projection: str = "") -> Iterator[Item]:
        texts = {"KeyConditionExpression": _RANGE} | ({"ProjectionExpression": projection} if projection else {})
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            ConsistentRead=True,
            **expressions({"pk": f"KEY#{key_id}", "first": first, "last": last}, **texts),
        )
        for page in pages:
            yield from page["Items"]

    def _find_last(self, key_id: str, first: str, last: str) -> Item | None:
        page = self._client.query(
            TableName=self._table_name,
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=1,
            **expressions({"pk": f"KEY#{key_id}", "first": first, "last": last}, KeyConditionExpression=_RANGE),
        )
        return page["Items"][0] if page["Items"] else None
