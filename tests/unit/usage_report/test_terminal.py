"""A report on terminals of different widths, and its chart."""

import io
from collections.abc import Iterator
from typing import Any, cast

import pytest
from rich.console import Console

from qwen_gateway.ledger.day_rows import DayRow, Totals
from qwen_gateway.ledger.usage_items import UsageItems
from qwen_gateway_cli.aws_costs import load_prices
from qwen_gateway_cli.date_range import DateRange
from qwen_gateway_cli.usage.figures import Aws, format_csv
from qwen_gateway_cli.usage.report import By, KeyDays, Report, build_report, build_report_from_records
from qwen_gateway_cli.usage.terminal import draw_chart, show_report

DATES = DateRange("2026-11-01", "2026-11-24")
AWS = Aws(load_prices(), 512, "arm64")


def make_report(by: By = By.MODEL, scale: int = 10**12) -> Report:
    row = DayRow("k", "2026-11-24", {})
    for model, cost in (("qwen3.8-max-with-a-very-long-name-of-a-preview-2026-11-24", 31), ("qwen-flash", 7)):
        row.add(
            {
                "sk": "USE#",
                "provider": "dashscope",
                "model_used": model,
                "outcome": "answered",
                "tokens_in": 1_234_567,
                "latency_ms": 1_500,
                "first_token_ms": 300,
                "cost": cost * scale,
                "cost_currency": "USD",
            }
        )
    return build_report(DATES, by, [KeyDays("k", "backend", [row])])


def show(width: int, *, is_terminal: bool = True, report: Report | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None)
    show_report(report or make_report(), AWS, console)
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, show(width).splitlines())) <= width


def test_forty_columns_have_every_figure() -> None:
    said = " ".join(show(40).split())

    for figure in ("31.00 USD", "requests 1, answered 1", "tokens 1,234,567 in", "latency P50", "Total: 38.00 USD."):
        assert figure in said


def test_a_pipe_gets_one_line_each_without_colours_and_chart() -> None:
    said = show(100_000, is_terminal=False)

    assert "\x1b" not in said
    assert "▇" not in said
    (line,) = [line for line in said.splitlines() if "qwen-flash" in line]
    assert "7.00 USD" in line


def test_a_terminal_gets_a_chart_of_the_costs() -> None:
    chart = draw_chart(make_report(), "USD", 60)

    assert "▇" in chart
    assert "31.00" in chart
    assert show(80).count("▇") > 20


def test_a_chart_of_small_amounts_shows_millionths() -> None:
    chart = draw_chart(make_report(scale=10**6), "USD", 60)

    assert "millionths of USD by model" in chart
    assert "31.00" in chart


def test_what_costs_nothing_has_no_chart() -> None:
    assert draw_chart(Report(DATES, By.DAY, [], Totals.empty()), "USD", 60) == ""


class FakeItems:
    """Records of 10,000 end users."""

    def counted_so_far(self, *_: Any) -> Iterator[dict[str, Any]]:
        for number in range(10_000):
            yield {"sk": f"USE#{number:026}", "end_user": f"user-{number:04}", "cost": number, "cost_currency": "USD"}


def test_ten_thousand_end_users_are_summed_and_the_dearest_are_shown() -> None:
    read: list[int] = []
    items = cast("UsageItems", FakeItems())

    report = build_report_from_records(items, ["k"], DATES, By.END_USER, lambda: read.append(1))

    assert (len(report.lines), len(read), report.lines[0].name) == (10_000, 10_000, "user-9999")
    assert report.total.cost == {"USD": sum(range(10_000))}
    said = show(200, report=report)
    assert "9,960 more are in --json and --csv." in said
    assert len(said.splitlines()) < 80
    assert len(format_csv(report, AWS).splitlines()) == 10_001
