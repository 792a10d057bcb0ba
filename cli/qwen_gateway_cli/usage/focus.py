"""A report as rows of FOCUS, the FinOps Open Cost and Usage Specification 1.2 (focus.finops.org).

A row is the tokens of a key, model and day. Refunds and corrections are rows of their own. The columns are those that
the gateway knows; there are no accounts of the provider, contracts, discounts or commitments.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from qwen_gateway.amounts import format_exactly
from qwen_gateway.ledger.day_rows import DayRow, ModelKey, Totals
from qwen_gateway_cli.usage.report import KeyDays

COLUMNS = (
    "BilledCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
)
_MIDNIGHT = "T00:00:00Z"


def format_focus(keys: Iterable[KeyDays]) -> str:
    """Return the rows of all keys as CSV."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for key in keys:
        for row in key.rows:
            for name, totals in sorted(row.models.items()):
                writer.writerows(_build_rows(key, row, name, totals))
    return file.getvalue()


def _build_rows(key: KeyDays, row: DayRow, name: ModelKey, totals: Totals) -> Iterator[dict[str, Any]]:
    tokens = totals.sums.get("tokens_in", 0) + totals.sums.get("tokens_out", 0)
    shared = _build_shared(key, row, name)
    for position, (currency, amount) in enumerate(sorted(totals.cost.items())):
        usage = {"ChargeCategory": "Usage", "ChargeDescription": f"Tokens of {name.model}", "ConsumedUnit": "Tokens"}
        quantity = {"ConsumedQuantity": tokens if position == 0 else 0}
        yield shared | usage | quantity | _build_cost(currency, amount)
    for currency, amount in sorted(totals.adjusted.items()):
        correction = {"ChargeCategory": "Adjustment", "ChargeDescription": "Refunds and corrected prices"}
        yield shared | correction | _build_cost(currency, amount)


def _build_cost(currency: str, amount: int) -> dict[str, str]:
    cost = format_exactly(amount)
    return {"BillingCurrency": currency} | dict.fromkeys(
        ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost
    )


def _build_shared(key: KeyDays, row: DayRow, name: ModelKey) -> dict[str, str]:
    day = date.fromisoformat(row.day)
    month = day.replace(day=1)
    return {
        "BillingPeriodStart": f"{month}{_MIDNIGHT}",
        "BillingPeriodEnd": f"{(month + timedelta(days=31)).replace(day=1)}{_MIDNIGHT}",
        "ChargePeriodStart": f"{day}{_MIDNIGHT}",
        "ChargePeriodEnd": f"{day + timedelta(days=1)}{_MIDNIGHT}",
        "InvoiceIssuerName": name.provider,
        "ProviderName": name.provider,
        "PublisherName": name.provider,
        "ResourceId": key.key_id,
        "ResourceName": key.name,
        "ResourceType": "API key",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Qwen Gateway",
        "SkuId": name.model,
    }
