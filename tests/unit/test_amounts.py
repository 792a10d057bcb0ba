"""Amounts are shown and read exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway.amounts import format_exactly
from qwen_gateway_cli.amounts import parse_amount


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "0"),
        (1, "0.000000000001"),
        (1_500_000_000_000, "1.5"),
        (-3_200_000_000, "-0.0032"),
        (10**21 - 1, "999999999.999999999999"),
        (-(10**12), "-1"),
    ],
)
def test_an_amount_has_all_of_its_decimals(pico: int, text: str) -> None:
    assert format_exactly(pico) == text


@given(st.integers(0, 10**21 - 1))
def test_what_is_shown_is_read_back(pico: int) -> None:
    assert parse_amount(format_exactly(pico)) == pico


@pytest.mark.parametrize(
    "text", ["", ".5", "5.", "+1", "-1", "1e3", "1,5", " 1", "1_0", "٣", "1" * 10, "0." + "1" * 13]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        parse_amount(text)
