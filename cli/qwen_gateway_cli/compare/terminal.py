"""The comparison on a terminal: a table if it fits the width, else a few lines for each row."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_gateway_cli.amounts import format_amount, format_percent
from qwen_gateway_cli.compare.comparison import Row, saved_share
from qwen_gateway_cli.compare.report import (
    Report,
    describe_base,
    describe_load,
    format_listed_day,
    list_disputes,
    list_notes,
    list_omissions,
)
from qwen_gateway_cli.console import create_result_console, fits


def show_report(report: Report) -> None:
    """Print the rows, their sources, the models without a price, and the notes.

    Into a pipe, nothing is wrapped.
    """
    console = create_result_console()
    table = next((table for table in _build_tables(report) if fits(console, table)), None)
    console.print(Text(describe_load(report)))
    console.print(Text(describe_base(report)))
    console.print()
    if table:
        console.print(table)
    else:
        for row in report.comparison.rows:
            _show_lines(console, report, row)
    for title, lines in _list_sections(report):
        console.print()
        console.print(Text(title))
        for line in lines:
            _show_item(console, line)


def _list_sections(report: Report) -> Iterator[tuple[str, Sequence[str]]]:
    sources = [f"[{number}] {source}" for number, source in enumerate(report.sources, start=1)]
    omissions = [f"{what}: {models}" if models else what for what, models in list_omissions(report)]
    for title, lines in (
        ("Sources of the prices", sources),
        ("What other sources say", list(list_disputes(report))),
        ("Not compared", omissions),
        ("Notes", list(list_notes(report))),
    ):
        if lines:
            yield title, lines


def _build_tables(report: Report) -> Iterator[Table]:
    """Yield the table with the names in one line, and with platform and model below each other."""
    yield _build_table(report, separator="/")
    yield _build_table(report, separator="/\n")


def _build_table(report: Report, separator: str) -> Table:
    currency = report.comparison.currency
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("\nMODEL", no_wrap=True)
    for title in (f"{currency}\nA DAY", "\nA MONTH", "\nA YEAR", "SAVED\nA MONTH", "", "\nSOURCE"):
        table.add_column(title, justify="right", no_wrap=True)
    if report.shows_claims:
        table.add_column("A DAY\nAS LISTED", justify="right", no_wrap=True)
        table.add_column("P50 AS\nCLAIMED", justify="right", no_wrap=True)
    for row in report.comparison.rows:
        cells = [
            f"{row.offer.platform}{separator}{row.offer.model}",
            *(format_amount(amount) for amount in (row.day, row.month, row.year)),
            *_format_savings(report, row),
            f"[{report.source_number(row)}]",
        ]
        if report.shows_claims:
            cells += [format_listed_day(row), row.offer.latency or ""]
        table.add_row(*map(Text, cells))
    return table


def _show_lines(console: Console, report: Report, row: Row) -> None:
    currency = report.comparison.currency
    day, month, year = (format_amount(amount) for amount in (row.day, row.month, row.year))
    console.print(Text(row.offer.name))
    for line in (
        f"{day} {currency} a day, {month} a month, {year} a year",
        _describe_savings(report, row),
        f"listed: {format_listed_day(row)} a day" if row.price.currency != currency else "",
        f"claimed P50: {row.offer.latency}" if report.shows_claims else "",
        f"price of {row.price_date} [{report.source_number(row)}]",
    ):
        if line:
            _show_item(console, line)


def _describe_savings(report: Report, row: Row) -> str:
    if row is report.base:
        return "the base"
    saved, share = report.base.month - row.month, saved_share(row, report.base)
    verb = f"saves {format_amount(saved)}" if saved >= 0 else f"costs {format_amount(-saved)} more"
    return f"{verb} a month" + ("" if share is None else f" ({format_percent(abs(share))})")


def _show_item(console: Console, line: str) -> None:
    """Print a line; what does not fit the width continues below it, indented."""
    for part in Text(line).wrap(console, max(console.width - 2, 1)):
        part.rstrip()
        console.print(Text("  ") + part)


def _format_savings(report: Report, row: Row) -> tuple[str, str]:
    if row is report.base:
        return "", "base"
    return format_amount(report.base.month - row.month), format_percent(saved_share(row, report.base))
