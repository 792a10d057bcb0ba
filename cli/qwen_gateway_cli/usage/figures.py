"""The figures of a line, computed once for the table, JSON and CSV, so that they agree."""

import csv
import io
from decimal import Decimal
from typing import Any, NamedTuple

from qwen_gateway.amounts import format_exactly
from qwen_gateway.ledger.day_rows import Totals
from qwen_gateway.ledger.histograms import percentile
from qwen_gateway_cli.aws_costs import MILLION, Prices, call_cost
from qwen_gateway_cli.usage.report import Report

_TOKENS = ("tokens_in", "tokens_out", "tokens_cached", "tokens_cache_write", "tokens_thinking")
COLUMNS = (
    "name",
    "requests",
    "answered",
    *_TOKENS,
    "currency",
    "cost",
    "unpriced",
    "latency_p50_ms",
    "latency_p95_ms",
    "first_token_p50_ms",
    "first_token_p95_ms",
    "aws_usd",
)


class Aws(NamedTuple):
    """What the side of AWS depends on: list prices, and the memory and processor of the functions."""

    prices: Prices
    memory_mb: int
    architecture: str

    def estimate(self, totals: Totals) -> Decimal:
        """Return the estimated cost of calls in USD: by their number, and by the time for which they ran."""
        requests = sum(totals.requests.values())
        if not requests:
            return Decimal(0)
        seconds = Decimal(totals.sums.get("latency_ms", 0)) / 1000 / requests
        million = call_cost(self.prices, self.memory_mb, seconds, self.architecture)
        return (million.total * requests / MILLION).quantize(Decimal("0.000001"))


def build_figures(name: str, totals: Totals) -> dict[str, Any]:
    """Return the figures of a line. `cost` has the exact amounts by currency, as text."""
    return {
        "name": name,
        "requests": sum(totals.requests.values()),
        "answered": totals.requests.get("answered", 0),
        **{token: totals.sums.get(token, 0) for token in _TOKENS},
        "cost": {currency: format_exactly(amount) for currency, amount in sorted(totals.net_cost().items())},
        "unpriced": sum(totals.unpriced.values()),
        "latency_p50_ms": percentile(totals.latency, 50),
        "latency_p95_ms": percentile(totals.latency, 95),
        "first_token_p50_ms": percentile(totals.first_token, 50),
        "first_token_p95_ms": percentile(totals.first_token, 95),
    }


def build_json(report: Report, aws: Aws) -> dict[str, Any]:
    """Return a report as a JSON object, with the outcomes of each line."""

    def build(name: str, totals: Totals) -> dict[str, Any]:
        outcomes = dict(sorted(totals.requests.items()))
        reasons = {"outcomes": outcomes, "unpriced_reasons": totals.unpriced}
        return build_figures(name, totals) | {"aws_usd": f"{aws.estimate(totals):f}"} | reasons

    return {
        "from": report.dates.first,
        "to": report.dates.last,
        "by": report.by.value,
        "lines": [build(line.name, line.totals) for line in report.lines],
        "total": build("total", report.total),
    }


def format_csv(report: Report, aws: Aws) -> str:
    """Return a report as CSV.

    A line with several currencies has a row for each; its other figures stand in the first one only, so that sums are
    right.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in report.lines:
        figures = build_figures(line.name, line.totals) | {"aws_usd": f"{aws.estimate(line.totals):f}"}
        costs = figures.pop("cost") or {"": ""}
        for position, (currency, cost) in enumerate(costs.items()):
            shown = figures if position == 0 else {"name": line.name}
            writer.writerow(shown | {"currency": currency, "cost": cost})
    return file.getvalue()
