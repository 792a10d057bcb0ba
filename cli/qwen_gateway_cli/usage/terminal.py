"""A report on a terminal: a table if it fits the width, else a few lines for each line; and a chart of the costs."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_gateway.amounts import PICO
from qwen_gateway.ledger.day_rows import Totals
from qwen_gateway_cli.amounts import format_amount
from qwen_gateway_cli.console import create_result_console, fits
from qwen_gateway_cli.usage.figures import Aws, build_figures
from qwen_gateway_cli.usage.report import By, Line, Report

_MOST_LINES = 40
"""Lines of a table; JSON and CSV have all."""
_MOST_BARS = 15
_LONGEST_NAME = 40
_TITLES = {
    By.KEY: "KEY",
    By.MODEL: "MODEL",
    By.PROVIDER: "PROVIDER",
    By.DAY: "DAY",
    By.END_USER: "END USER",
    By.TAG: "TAG",
}


def show_report(report: Report, aws: Aws, console: Console | None = None) -> None:
    """Print a report. Into a pipe, nothing is wrapped, and there is no chart."""
    console = console or create_result_console()
    _print(console, f"Usage of {report.dates} (UTC) by {report.by.value.replace('-', ' ')}")
    if not report.lines:
        _print(console, "There were no requests.")
        return
    console.print()
    table = _build_table(report)
    if fits(console, table):
        console.print(table)
    else:
        for line in _shown(report):
            _show_line(console, line)
    _show_rest(console, report, aws)
    if console.is_terminal:
        for currency in report.currencies:
            if chart := draw_chart(report, currency, console.width):
                console.print()
                console.print(Text.from_ansi(chart))


def draw_chart(report: Report, currency: str, width: int) -> str:
    """Return a chart of the costs in a currency, in the colours of a terminal; empty if nothing was charged."""
    # It takes longer to import than any command that prints no chart.
    import plotext  # noqa: PLC0415

    costs = [(_shorten(line.name, width // 3), line.totals.net_cost().get(currency, 0)) for line in report.lines]
    bars = [(name, amount) for name, amount in costs if amount > 0]
    bars = bars[-_MOST_BARS:] if report.by is By.DAY else bars[:_MOST_BARS]
    if not bars:
        return ""
    names, amounts = zip(*bars, strict=True)
    # plotext writes two decimals.
    unit, prefix = (PICO, "") if max(amounts) >= PICO // 10 else (PICO // 10**6, "millionths of ")
    plotext.clear_figure()
    # A line can be one longer than plotext promises.
    title = f"{prefix}{currency} by {report.by.value}"
    plotext.simple_bar(names, [amount / unit for amount in amounts], width=width - 1, title=title)
    return str(plotext.build())


def format_costs(costs: Mapping[str, int]) -> str:
    """Return amounts by currency for people: `1.20 USD + 3.00 EUR`."""
    return " + ".join(f"{format_amount(amount)} {currency}" for currency, amount in sorted(costs.items())) or "-"


def _shown(report: Report) -> Sequence[Line]:
    return report.lines if report.by is By.DAY else report.lines[:_MOST_LINES]


def _build_table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"\n{_TITLES[report.by]}", no_wrap=True)
    for title in (
        "\nREQUESTS",
        "\nANSWERED",
        "TOKENS\nIN",
        "TOKENS\nOUT",
        "\nCOST",
        "LATENCY\nP50 MS",
        "\nP95 MS",
        "TO FIRST\nTOKEN P50",
        "\nP95 MS",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for line in _shown(report):
        table.add_row(*map(Text, _build_cells(line.name, line.totals)))
    if len(report.lines) > 1:
        table.add_section()
        table.add_row(*map(Text, _build_cells("total", report.total)))
    return table


def _build_cells(name: str, totals: Totals) -> list[str]:
    figures = build_figures(name, totals)
    percentiles = [figures[field] for field in _PERCENTILES]
    return [
        _shorten(name, _LONGEST_NAME),
        *(f"{figures[field]:,}" for field in ("requests", "answered", "tokens_in", "tokens_out")),
        format_costs(totals.net_cost()),
        *("-" if each is None else f"{each:,}" for each in percentiles),
    ]


_PERCENTILES = ("latency_p50_ms", "latency_p95_ms", "first_token_p50_ms", "first_token_p95_ms")


def _show_line(console: Console, line: Line) -> None:
    figures = build_figures(line.name, line.totals)
    _print(console, line.name)
    _print(console, f"  {format_costs(line.totals.net_cost())}")
    _print(console, f"  requests {figures['requests']:,}, answered {figures['answered']:,}")
    _print(console, f"  tokens {figures['tokens_in']:,} in, {figures['tokens_out']:,} out")
    for title, fields in (("latency", _PERCENTILES[:2]), ("first token", _PERCENTILES[2:])):
        p50, p95 = (figures[field] for field in fields)
        if p50 is not None:
            _print(console, f"  {title} P50 {p50:,}, P95 {p95:,} ms")


def _show_rest(console: Console, report: Report, aws: Aws) -> None:
    totals = report.total
    if left_out := len(report.lines) - len(_shown(report)):
        _print(console, f"{left_out:,} more are in --json and --csv.")
    console.print()
    _print(console, f"Total: {format_costs(totals.net_cost())}.")
    if totals.adjusted:
        _print(console, f"Refunds and corrected prices in it: {format_costs(totals.adjusted)}.")
    for reason, count in sorted(totals.unpriced.items()):
        _print(console, f"Not priced ({reason}): {count:,} requests.")
    estimate = aws.estimate(totals)
    _print(console, f"AWS, estimated by list prices: {estimate:.2f} USD for calls, beside what is idle.")


def _shorten(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _print(console: Console, text: str) -> None:
    console.print(Text(text))
