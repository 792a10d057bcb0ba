"""The usage service: what a key is shown of its own use."""

from typing import Any

import pytest

from qwen_gateway.api import HttpRequest
from qwen_gateway.errors import KeyMissing
from qwen_gateway.ledger.day_rows import DayRow
from qwen_gateway.ledger.own_usage import KeyUse
from qwen_gateway.request_ids import RequestIds
from tests.builders import key_snapshot
from usage.service import UsageService

NOON = 1_795_521_600
"""2026-11-24, 12:00 UTC."""
HEADERS = {"authorization": "Bearer sk-qg-x"}


def make_row(day: str, *costs: int, **fields: Any) -> DayRow:
    row = DayRow("k", day, {}, upto=(NOON - 1_500) * 1000, version=1)
    for cost in costs:
        known = {"sk": "USE#", "provider": "dashscope", "model_used": "qwen-plus", "outcome": "answered"}
        row.add({**known, "tokens_in": 10, "cost": cost, "cost_currency": "USD"} | fields)
    return row


def show(*rows: DayRow, headers: dict[str, str] = HEADERS, **settings: Any) -> Any:
    class FakeUsage:
        def read(self, _token: str, _now: float) -> KeyUse:
            return KeyUse(key_snapshot(**settings), list(rows))

    return UsageService(FakeUsage(), "USD").show(HttpRequest(RequestIds("req_1"), headers, b"")).body


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOON)


def test_today_and_this_month_are_summed_and_days_are_shown_by_model() -> None:
    shown = show(make_row("2026-11-02", 10**12), make_row("2026-11-24", 2 * 10**12, 5 * 10**11))

    assert (shown["today"]["requests"], shown["today"]["tokens_in"], shown["today"]["cost"]) == (2, 20, {"USD": 2.5})
    assert (shown["period"]["requests"], shown["period"]["cost"]) == (3, {"USD": 3.5})
    assert shown["period"]["start"] == 1_793_491_200
    assert [(day["date"], [model["model"] for model in day["models"]]) for day in shown["days"]] == [
        ("2026-11-02", ["qwen-plus"]),
        ("2026-11-24", ["qwen-plus"]),
    ]
    assert shown["complete_until"] == NOON - 1_500


def test_the_period_of_a_daily_budget_is_today() -> None:
    shown = show(make_row("2026-11-02", 7), make_row("2026-11-24", 5), budget=9, period="day")

    assert shown["period"]["requests"] == 1


def test_the_counters_of_a_budget_are_those_of_now() -> None:
    shown = show(budget=10**12, remaining=6 * 10**11, spent=10**11, holds={"x.0": 3 * 10**11}, period="total")

    assert shown["budget"] == {
        "period": "total",
        "period_end": None,
        "currency": "USD",
        "amount": 1.0,
        "spent": 0.1,
        "held": 0.3,
        "remaining": 0.6,
    }


def test_a_month_with_nothing_is_zero_everywhere() -> None:
    shown = show()

    assert (shown["today"]["requests"], shown["period"]["cost"], shown["days"]) == (0, {}, [])
    assert (shown["complete_until"], shown["budget"]) == (None, None)


def test_two_currencies_are_shown_apart() -> None:
    row = make_row("2026-11-24", 10**12)
    row.add({"sk": "USE#", "outcome": "answered", "cost": 2 * 10**12, "cost_currency": "EUR"})
    row.add({"sk": "ADJ#", "cost": -(10**12), "cost_currency": "EUR"})

    assert show(row)["today"]["cost"] == {"USD": 1.0, "EUR": 1.0}


def test_a_request_without_a_key_is_refused() -> None:
    with pytest.raises(KeyMissing):
        show(headers={})
