"""The comparison as JSON and CSV, with exact amounts."""

import csv
import io
from decimal import Decimal
from typing import Any

from qwen_gateway.amounts import to_decimal
from qwen_gateway_cli.amounts import to_percent
from qwen_gateway_cli.compare.comparison import Row, prices_per_million, saved_share
from qwen_gateway_cli.compare.report import Report, list_notes

type Value = str | bool | Decimal | None

COLUMNS = (
    "platform",
    "model",
    "currency",
    "day",
    "month",
    "year",
    "saved_month",
    "saved_percent",
    "is_base",
    "listed_currency",
    "listed_day",
    "price_in",
    "price_out",
    "price_date",
    "source",
    "claimed_latency",
    "unpriced",
)


def build_json(report: Report) -> dict[str, Any]:
    """Return the comparison as a JSON object."""
    comparison = report.comparison
    return {
        "load": {
            "requests_per_day": comparison.load.requests,
            "tokens_in": comparison.load.tokens_in,
            "tokens_out": comparison.load.tokens_out,
        },
        "currency": comparison.currency,
        "base": report.base.offer.name,
        "rows": [_to_json(build_record(report, row)) for row in comparison.rows],
        "other_sources": [
            _to_json(build_record(report, other)) for row in comparison.rows for other in report.disputes(row)
        ],
        "unpriced": [omission._asdict() for omission in comparison.omissions],
        "notes": list(list_notes(report)),
    }


def format_csv(report: Report) -> str:
    """Return the comparison as CSV, one line for each row and each model without one."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in report.comparison.rows:
        writer.writerow({name: _to_text(value) for name, value in build_record(report, row).items()})
    for omission in report.comparison.omissions:
        writer.writerow({"platform": omission.platform, "model": omission.model, "unpriced": omission.reason})
    return file.getvalue()


def build_record(report: Report, row: Row) -> dict[str, Value]:
    """Return a row by the names of its columns; amounts are in the main unit of their currency."""
    price_in, price_out = prices_per_million(row, report.comparison.load)
    share = saved_share(row, report.base)
    return {
        "platform": row.offer.platform,
        "model": row.offer.model,
        "currency": report.comparison.currency,
        "day": to_decimal(row.day),
        "month": to_decimal(row.month),
        "year": to_decimal(row.year),
        "saved_month": to_decimal(report.base.month - row.month),
        "saved_percent": None if share is None else to_percent(share),
        "is_base": row is report.base,
        "listed_currency": row.price.currency,
        "listed_day": to_decimal(row.listed_day),
        "price_in": None if price_in is None else to_decimal(price_in),
        "price_out": None if price_out is None else to_decimal(price_out),
        "price_date": row.price_date,
        "source": row.price.source,
        "claimed_latency": row.offer.latency,
    }


def _to_json(record: dict[str, Value]) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in record.items()}


def _to_text(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else ""
        case Decimal():
            return f"{value:f}"
    return value
