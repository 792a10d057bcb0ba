"""The ends of periods, in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.ledger.periods import Period, end_of_period


@pytest.mark.parametrize(
    ("period", "now", "end"),
    [
        ("day", "2026-11-27T00:00:00", "2026-11-28T00:00:00"),
        ("day", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("month", "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
        ("month", "2026-01-31T23:59:59", "2026-02-01T00:00:00"),
    ],
)
def test_a_period_ends_at_midnight(period: Period, now: str, end: str) -> None:
    at, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in (now, end))

    assert end_of_period(period, at) == expected


def test_a_total_budget_has_no_end() -> None:
    assert end_of_period("total", 1_790_000_000) is None


@given(st.sampled_from(["day", "month"]), st.integers(0, 2**33))
def test_a_period_ends_after_now(period: Period, now: int) -> None:
    end = end_of_period(period, now)

    assert end is not None
    assert now < end <= now + 31 * 86_400
