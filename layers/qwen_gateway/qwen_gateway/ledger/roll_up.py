"""The roll-up: it sums the records and adjustments of a key into the rows of its days (docs/ledger.md).

Each is summed once, whatever crashes or runs twice, because a write of a row moves its watermark together with its
sums, and is refused if another write was first.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from botocore.exceptions import ClientError

from qwen_gateway import ulid
from qwen_gateway.ledger.day_rows import DayRow
from qwen_gateway.ledger.days import day_of, end_of, start_of
from qwen_gateway.ledger.dynamodb import Item, from_item, is_condition_failure, to_item
from qwen_gateway.ledger.expressions import Update, expressions
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S, KeySnapshot
from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway.ledger.usage_ledger import ABSENT, RecordState

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SUMMED_A_WRITE = 10_000
"""Records after which a row is written although its day goes on: what a run that is killed has to repeat."""
SUMMED_A_RUN = 100_000
"""Records after which a run goes on to the next key: no key waits for the backlog of another."""
_ABANDONED: RecordState = "abandoned"
_UNCHANGED = "#version = :read"
_MAX_REBUILDS = 5


class RolledUp(NamedTuple):
    """What was done for a key: records and adjustments that were summed, and open records that were abandoned."""

    summed: int = 0
    abandoned: int = 0


type Rebuilt = Literal["rebuilt", "not_rolled_up", "expired"]
"""What became of a day that was to be summed anew. `expired`: DynamoDB has deleted records of it by their age."""


class RowConflict(Exception):
    """Another run wrote the row first. What is left is done by that run, or by the next."""


class RollUp:
    """The roll-up of a usage table. `now` is in seconds since 1970."""

    def __init__(self, client: "DynamoDBClient", table_name: str, now: float) -> None:
        self._client = client
        self._table_name = table_name
        self._now_ms = int(now) * 1_000
        self._items = UsageItems(client, table_name)
        self._abandoned = 0
        self._summed = 0

    def run(self, key: KeySnapshot) -> RolledUp:
        """Sum what lies between the watermark of a key's latest row and the end of what is final.

        The key's item must have been read before: a call that has no hold in it and is older than a hold's lifetime
        has its record by now, or never had a hold.
        """
        self._abandoned = self._summed = 0
        try:
            latest = self.rebuild_late_days(key.id)
            upto = latest.upto if latest else 0
            until = _find_watermark(key, self._now_ms)
            if upto < until:
                self._sum(key.id, latest, upto, until)
        except RowConflict:
            pass
        return RolledUp(self._summed, self._abandoned)

    def rebuild(self, key_id: str, day: str) -> Rebuilt:
        """Sum a day anew, as far as it was rolled up. Sums of more records than there are now stay as they are.

        Raises:
            RowConflict: other runs wrote the row at every attempt.
        """
        for _ in range(_MAX_REBUILDS):
            latest = self._items.latest_row(key_id)
            if latest is None or latest.day < day:
                return "not_rolled_up"
            row = latest if latest.day == day else self._items.row(key_id, day)
            upto = latest.upto if latest.day == day else end_of(day)
            fresh = DayRow(key_id, day, {}, version=row.version if row else 0)
            for fields in self._read(key_id, start_of(day), upto):
                fresh.add(fields)
            if row and fresh.records < row.records:
                return "expired"
            try:
                if row or fresh.models:
                    self._write(fresh, upto)
            except RowConflict:
                continue
            return "rebuilt"
        raise RowConflict

    def rebuild_late_days(self, key_id: str) -> DayRow | None:
        """Sum the days anew that are marked as late, and return the latest row.

        A day without sums keeps its mark: another run may be about to write them, without the late record.

        Raises:
            RowConflict: as `rebuild`.
        """
        found = self._items.late_day_or_latest_row(key_id)
        if not isinstance(found, dict):
            return found
        for mark in self._items.late_days(key_id):
            if self.rebuild(key_id, mark["sk"].removeprefix("LATE#")) != "not_rolled_up":
                self._remove_mark(mark)
        return self._items.latest_row(key_id)

    def _remove_mark(self, mark: dict[str, Any]) -> None:
        """Remove the mark of a late day, unless another record came late meanwhile."""
        try:
            self._client.delete_item(
                TableName=self._table_name,
                Key=to_item({"pk": mark["pk"], "sk": mark["sk"]}),
                **expressions({"read": mark["mark"]}, ConditionExpression="#mark = :read"),
            )
        except ClientError as failure:
            if not is_condition_failure(failure):
                raise

    def _sum(self, key_id: str, latest: DayRow | None, upto: int, until: int) -> None:
        row, unwritten, last = latest, 0, 0
        for fields in self._read(key_id, upto, until):
            at = ulid.milliseconds(fields["sk"][4:])
            if row is None or row.day != day_of(at):
                self._close(row, unwritten)
                row, unwritten = DayRow(key_id, day_of(at), {}), 0
            elif unwritten >= SUMMED_A_WRITE and at > last:
                row, unwritten = self._write_sums(row, at, unwritten), 0
                if self._summed >= SUMMED_A_RUN:
                    return
            row.add(fields)
            unwritten, last = unwritten + 1, at
        if row and unwritten:
            self._write_sums(row, min(until, end_of(row.day)), unwritten)

    def _close(self, row: DayRow | None, unwritten: int) -> None:
        """Write the end of its day into a row, so that the watermark of the key can lie in a later day."""
        if row and row.upto < end_of(row.day):
            self._write_sums(row, end_of(row.day), unwritten)

    def _write_sums(self, row: DayRow, upto: int, unwritten: int) -> DayRow:
        after = self._write(row, upto)
        self._summed += unwritten
        return after

    def _write(self, row: DayRow, upto: int) -> DayRow:
        after = row._replace(upto=upto, version=row.version + 1)
        condition = _UNCHANGED if row.version else ABSENT
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=to_item(after.fields()),
                **expressions({"read": row.version}, ConditionExpression=condition),
            )
        except ClientError as failure:
            if is_condition_failure(failure):
                raise RowConflict from failure
            raise
        return after

    def _read(self, key_id: str, start_ms: int, end_ms: int) -> Iterator[dict[str, Any]]:
        """Yield what is to be summed; an open record becomes final first."""
        for fields in self._items.counted(key_id, start_ms, end_ms):
            final = self._abandon_open(fields) if fields.get("state") == "open" else fields
            if final:
                yield final

    def _abandon_open(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Make an open record final, and return it as it is now; None if it is gone."""
        update = Update(
            "SET #state = :abandoned, #unpriced = :abandoned",
            "#state = :open",
            {"abandoned": _ABANDONED, "open": "open"},
        )
        record_key = to_item({"pk": record["pk"], "sk": record["sk"]})
        try:
            self._client.update_item(TableName=self._table_name, Key=record_key, **update.parameters())
        except ClientError as failure:
            if not is_condition_failure(failure):
                raise
            item = cast("Item", failure.response.get("Item"))
            return from_item(item) if item else None
        self._abandoned += 1
        return record | {"state": _ABANDONED, "unpriced": _ABANDONED}


def late_mark(key_id: str, record_ulid: str) -> dict[str, Any]:
    """Return the fields of the mark that makes the day of a late record be rebuilt; it is written with the record."""
    return {
        "pk": f"KEY#{key_id}",
        "sk": f"LATE#{day_of(ulid.milliseconds(record_ulid))}",
        "mark": ulid.new(ulid.milliseconds(record_ulid)),
    }


def _find_watermark(key: KeySnapshot, now_ms: int) -> int:
    """Return the end of what is final: a hold's lifetime ago, or the time of the oldest hold, if that is earlier."""
    times = [ulid.milliseconds(name.partition(".")[0]) for name in key.holds]
    return min([*times, now_ms - HOLD_LIFETIME_S * 1_000])
