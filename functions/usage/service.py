"""A key's own use: today and this period, by day and model, and what is left of its budget."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from qwen_gateway.amounts import to_float
from qwen_gateway.api import HttpRequest, JsonResponse, api_key_token
from qwen_gateway.ledger import KeySnapshot
from qwen_gateway.ledger.day_rows import DayRow, Totals
from qwen_gateway.ledger.days import day_of, start_of
from qwen_gateway.ledger.own_usage import KeyUse

_TOKENS = ("tokens_in", "tokens_out", "tokens_cached", "tokens_cache_write", "tokens_thinking")


class OwnUsage(Protocol):
    """The ledger, read with a client's API key."""

    def read(self, token_text: str, now: float) -> KeyUse:
        """Return the key of a token and the rows of this month, or raise KeyRefused."""
        ...


class UsageService:
    """Shows clients with an API key what they have used. `currency` is that of budgets."""

    def __init__(self, usage: OwnUsage, currency: str) -> None:
        self._usage = usage
        self._currency = currency

    def show(self, request: HttpRequest) -> JsonResponse:
        """Return the use of the request's key.

        Raises:
            KeyRefused: the key is missing, unknown, revoked or expired.
            LedgerUnavailable: DynamoDB failed.
        """
        now = time.time()
        key, rows = self._usage.read(api_key_token(request.headers), now)
        today = day_of(int(now * 1000))
        start = today if key.period == "day" else f"{today[:7]}-01"
        return JsonResponse(
            {
                "object": "usage",
                "complete_until": rows[-1].upto // 1000 if rows else None,
                "budget": self._budget(key),
                "today": _sums(totals for row in rows if row.day == today for totals in row.models.values()),
                "period": {
                    "start": start_of(start) // 1000,
                    **_sums(totals for row in rows if row.day >= start for totals in row.models.values()),
                },
                "days": _days(rows),
            }
        )

    def _budget(self, key: KeySnapshot) -> dict[str, Any] | None:
        """Return the budget with its counters as they are now; None without a budget."""
        if key.budget is None:
            return None
        return {
            "period": key.period,
            "period_end": key.period_end,
            "currency": self._currency,
            "amount": to_float(key.budget),
            "spent": to_float(key.spent),
            "held": to_float(key.held),
            "remaining": to_float(key.remaining or 0),
        }


def _days(rows: Sequence[DayRow]) -> list[dict[str, Any]]:
    return [
        {
            "date": row.day,
            "models": [
                {"provider": name.provider, "model": name.model, **_sums([totals])}
                for name, totals in sorted(row.models.items())
            ],
        }
        for row in rows
    ]


def _sums(parts: Iterable[Totals]) -> dict[str, Any]:
    totals = Totals.empty()
    for part in parts:
        totals.add(part)
    return {
        "requests": sum(totals.requests.values()),
        "answered": totals.requests.get("answered", 0),
        **{name: totals.sums.get(name, 0) for name in _TOKENS},
        "cost": {currency: to_float(amount) for currency, amount in totals.net_cost().items()},
        "unpriced": sum(totals.unpriced.values()),
    }
