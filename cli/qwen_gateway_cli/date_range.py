"""The days that a command is about: `--from` and `--to`, in UTC, both included."""

import time
from datetime import date
from typing import Annotated, NamedTuple

import typer

from qwen_gateway.ledger.days import day_of, end_of, start_of
from qwen_gateway_cli.console import refuse

FromOption = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First day (UTC). By default the first of this month.")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day (UTC). By default today.")]


class DateRange(NamedTuple):
    """Days in UTC (`yyyy-mm-dd`), both included."""

    first: str
    last: str

    @property
    def start_ms(self) -> int:
        """The first millisecond of the first day, since 1970."""
        return start_of(self.first)

    @property
    def end_ms(self) -> int:
        """The first millisecond after the last day, since 1970."""
        return end_of(self.last)

    @property
    def days(self) -> int:
        """The number of days."""
        return (date.fromisoformat(self.last) - date.fromisoformat(self.first)).days + 1

    def __str__(self) -> str:
        """Return the days as people write them."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


def parse_date_range(first: str | None, last: str | None) -> DateRange:
    """Return the days of the options.

    Raises:
        CommandRefused: an option is no date, or the first day is after the last.
    """
    today = day_of(int(time.time() * 1000))
    to = _parse("--to", last or today)
    since = _parse("--from", first or f"{to[:7]}-01")
    if since > to:
        refuse(f"--from {since} is after --to {to}.")
    return DateRange(since, to)


def _parse(option: str, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return refuse(f"{option} {text[:32]!r} is no date. Write it as 2026-11-24.")
