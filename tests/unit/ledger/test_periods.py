"""The ends of budget periods, in UTC."""

from datetime import UTC, datetime

import pytest

from qwen_gateway.ledger.periods import next_period_end


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("period", "now", "end"),
    [
        ("day", "2026-11-27T10:00:00", "2026-11-28T00:00:00"),
        ("day", "2026-11-27T00:00:00", "2026-11-28T00:00:00"),
        ("day", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2026-11-27T10:00:00", "2026-12-01T00:00:00"),
        ("month", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_period_ends_after_every_moment_in_it(period: str, now: str, end: str) -> None:
    assert next_period_end(period, at(now)) == at(end)


def test_a_total_budget_has_no_end() -> None:
    assert next_period_end("total", at("2026-11-27T10:00:00")) is None
