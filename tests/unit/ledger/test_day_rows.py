"""The row of a day: what is summed, and how large it can get."""

import json

from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.ledger import histograms
from qwen_gateway.ledger.day_rows import MOST_MODELS, DayRow, ModelKey, Totals
from qwen_gateway.ledger.days import day_of, end_of, start_of
from qwen_gateway.ledger.dynamodb import to_item

LONGEST = "\N{PERSEVERING FACE}" * 128
MOST = 10**20
MOST_BYTES = 300_000


def largest_record(model: int, number: int) -> dict[str, object]:
    """Return a record whose names and counts are as long as any."""
    latency = 2 ** (number // 4) + number % 4 * 2 ** (number // 4) // 4
    counts = dict.fromkeys(("tokens_in", "tokens_out", "tokens_cached", "tokens_cache_write", "searches"), MOST)
    return {
        "sk": "USE#",
        "provider": "p" * 64,
        "model_used": f"{model:03}{LONGEST}"[:128],
        "outcome": "answered" if number % 2 else f"error_code_of_a_provider_{number:015}",
        "latency_ms": latency,
        "first_token_ms": latency,
        "cost": MOST,
        "cost_currency": "USD",
        **counts,
    }


def test_the_largest_row_is_far_below_what_dynamodb_allows() -> None:
    row = DayRow("k", "2026-11-24", {})
    for model in range(MOST_MODELS + 10):
        for number in range(170):
            row.add(largest_record(model, number))

    # The text of the attribute values has every byte that DynamoDB counts, and more.
    size = len(json.dumps(to_item(row.fields()), ensure_ascii=False, separators=(",", ":")).encode())
    assert len(row.models) == MOST_MODELS + 1
    assert sum(totals.cost["USD"] for totals in row.models.values()) == MOST * 170 * (MOST_MODELS + 10)
    assert size < 2 * MOST_BYTES
    assert measure(to_item(row.fields())) < MOST_BYTES


def measure(item: object) -> int:
    """Return the size of an item by DynamoDB's rules: names and values, 21 bytes a number, 4 a nested value."""
    match item:
        case {"N": str()}:
            return 21
        case {"S": str(text)}:
            return len(text.encode())
        case {"M": dict(fields)}:
            return 4 + measure(fields)
        case {"L": list(values)}:
            return 4 + sum(1 + measure(value) for value in values)
        case dict():
            return sum(1 + len(name.encode()) + measure(value) for name, value in item.items())
    raise AssertionError(item)


def test_a_row_is_read_back_as_it_was_written() -> None:
    row = DayRow("k", "2026-11-24", {}, upto=1, version=2)
    row.add(largest_record(1, 5))
    row.add({"sk": "ADJ#", "provider": "p" * 64, "model_used": "m", "cost": -3, "cost_currency": "USD"})

    assert DayRow.of(to_item(row.fields())) == row


def test_a_record_that_names_no_model_is_summed_under_a_dash() -> None:
    row = DayRow("k", "2026-11-24", {})
    row.add({"sk": "USE#", "state": "abandoned", "cost": 5, "cost_currency": "USD"})

    assert row.models[ModelKey("-", "-")].requests == {"abandoned": 1}


@given(st.lists(st.integers(1, 900_000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_right_within_ten_per_cent(times: list[int], percent: int) -> None:
    totals = Totals.empty()
    for time in times:
        totals.add_record({"outcome": "answered", "latency_ms": time})

    exact = sorted(times)[-(-len(times) * percent // 100) - 1]

    found = histograms.percentile(totals.latency, percent)
    assert found is not None
    assert abs(found - exact) <= exact * 0.1 + 0.5


def test_a_histogram_without_times_has_no_percentile() -> None:
    assert histograms.percentile({}, 50) is None


@given(st.integers(0, 4_102_444_800_000))
def test_a_time_lies_in_its_day(now_ms: int) -> None:
    day = day_of(now_ms)

    assert start_of(day) <= now_ms < end_of(day)
