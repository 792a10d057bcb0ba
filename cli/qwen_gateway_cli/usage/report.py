"""A report: what was used on some days, in lines by key, model, provider, day, end user or tag."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from qwen_gateway.ledger.day_rows import DayRow, ModelKey, Totals
from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway_cli.date_range import DateRange

NOBODY = "(none)"
"""Stands for the end user or the tags of a request that names none."""


class By(StrEnum):
    """What the lines of a report are."""

    KEY = "key"
    MODEL = "model"
    PROVIDER = "provider"
    DAY = "day"
    END_USER = "end-user"
    TAG = "tag"


FROM_RECORDS = frozenset({By.END_USER, By.TAG})
"""Rows of days do not have them, because there may be any number: reports read the records."""


class Line(NamedTuple):
    """A line: its name, and its sums."""

    name: str
    totals: Totals


class Report(NamedTuple):
    """A report.

    Attributes:
        lines: those with the highest cost first; days in their order.
        total: the sums of everything. A request with two tags is in two lines, and once in here.
    """

    dates: DateRange
    by: By
    lines: Sequence[Line]
    total: Totals

    @property
    def currencies(self) -> list[str]:
        """The currencies of the costs."""
        return sorted(self.total.net_cost())


class KeyDays(NamedTuple):
    """What a key used, by day."""

    key_id: str
    name: str
    rows: Sequence[DayRow]


def read_keys(items: UsageItems, keys: Mapping[str, str], dates: DateRange) -> Iterator[KeyDays]:
    """Yield what each key, named by its id, used."""
    now = time.time()
    for key_id, name in keys.items():
        yield KeyDays(key_id, name, items.days_so_far(key_id, dates.first, dates.last, now))


def build_report(dates: DateRange, by: By, keys: Iterable[KeyDays]) -> Report:
    """Return a report from the rows of the days."""
    sums = _Sums()
    for key in keys:
        for row in key.rows:
            for name, totals in row.models.items():
                sums.add(_name_line(by, key, row, name), totals)
    return sums.build(dates, by)


def build_report_from_records(
    items: UsageItems, keys: Iterable[str], dates: DateRange, by: By, advance: Callable[[], object]
) -> Report:
    """Return a report from the records of the days. `advance` is called for each."""
    sums, now, times = _Sums(), time.time(), (dates.start_ms, dates.end_ms)
    for key_id in keys:
        for fields in items.counted_so_far(key_id, times, now, ("end_user", "tags")):
            totals = Totals.empty()
            if fields["sk"].startswith("USE#"):
                totals.add_record(fields)
            else:
                totals.add_adjustment(fields)
            sums.add(_name_lines(by, fields), totals)
            advance()
    return sums.build(dates, by)


class _Sums:
    def __init__(self) -> None:
        self._lines: dict[str, Totals] = {}
        self._total = Totals.empty()

    def add(self, names: Iterable[str], totals: Totals) -> None:
        for name in names:
            self._lines.setdefault(name, Totals.empty()).add(totals)
        self._total.add(totals)

    def build(self, dates: DateRange, by: By) -> Report:
        lines = [Line(name, totals) for name, totals in self._lines.items()]
        lines.sort(key=lambda line: line.name)
        if by is not By.DAY:
            lines.sort(key=lambda line: max(line.totals.net_cost().values(), default=0), reverse=True)
        return Report(dates, by, lines, self._total)


def _name_line(by: By, key: KeyDays, row: DayRow, name: ModelKey) -> tuple[str, ...]:
    match by:
        case By.KEY:
            return (key.name,)
        case By.MODEL:
            return (f"{name.provider}/{name.model}",)
        case By.PROVIDER:
            return (name.provider,)
    return (row.day,)


def _name_lines(by: By, fields: Mapping[str, Any]) -> tuple[str, ...]:
    if by is By.END_USER:
        return (fields.get("end_user", NOBODY),)
    return tuple(f"{name}={text}" for name, text in fields.get("tags", {}).items()) or (NOBODY,)
