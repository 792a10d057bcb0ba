"""`make usage-picture`: docs/usage.svg, a report of `qwen-gateway usage` on a terminal, with invented use."""

import io
import re
from pathlib import Path

from rich.console import Console

from qwen_gateway.ledger.day_rows import DayRow
from qwen_gateway_cli.aws_costs import load_prices
from qwen_gateway_cli.date_range import DateRange
from qwen_gateway_cli.usage.figures import Aws
from qwen_gateway_cli.usage.report import By, KeyDays, build_report
from qwen_gateway_cli.usage.terminal import show_report

FILE = Path(__file__).parents[1] / "docs/usage.svg"
_COLUMNS = 110
_MODELS = {"qwen3.8-max": (9_000, 2_400, 300), "qwen-plus": (1_400, 1_100, 1_200), "qwen-flash": (160, 600, 2_500)}
"""By model: the cost of a call in millionths of a dollar, its median latency in ms, and its calls."""


def draw() -> str:
    """Return the picture."""
    row = DayRow("k", "2026-11-24", {})
    for model, (cost, latency, calls) in _MODELS.items():
        for number in range(calls):
            row.add(_build_record(model, number, cost, latency * (calls + 2 * number) // (2 * calls)))
    report = build_report(DateRange("2026-11-01", "2026-11-24"), By.MODEL, [KeyDays("k", "backend", [row])])
    console = Console(record=True, file=io.StringIO(), width=_COLUMNS, force_terminal=True, highlight=False)
    show_report(report, Aws(load_prices(), 512, "arm64"), console)
    svg = console.export_svg(title="qwen-gateway usage (invented use)", unique_id="usage")
    # rich's template loads a font from the network.
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def _build_record(model: str, number: int, cost: int, latency: int) -> dict[str, object]:
    return {
        "sk": "USE#",
        "provider": "dashscope",
        "model_used": model,
        "outcome": "provider_timeout" if number % 97 == 0 else "answered",
        "tokens_in": 900 + number,
        "tokens_out": 250,
        "latency_ms": latency,
        "first_token_ms": latency // 4,
        "cost": (cost + number // 10) * 10**6,
        "cost_currency": "USD",
    }


if __name__ == "__main__":
    FILE.write_text(draw(), encoding="utf-8")
