"""Amounts and shares as text."""

from fractions import Fraction

import pytest

from qwen_gateway.amounts import format_exactly
from qwen_gateway_cli.amounts import format_amount, format_percent

UNIT = 10**12


@pytest.mark.parametrize(
    ("amount", "text", "exact"),
    [
        (0, "0.00", "0"),
        (66 * UNIT, "66.00", "66"),
        (1_234_500 * UNIT, "1,234,500.00", "1234500"),
        (-1_234_567_890_000_000, "-1,234.57", "-1234.56789"),
        (5_000_000_000, "0.0050", "0.005"),
        (1_234_000_000, "0.0012", "0.001234"),
        (1, "0.0000000000010", "0.000000000001"),
    ],
)
def test_an_amount_has_two_decimals_or_two_significant_digits(amount: int, text: str, exact: str) -> None:
    assert format_amount(amount) == text
    assert format_exactly(amount) == exact


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (Fraction(55, 66), "83.3 %"),
        (Fraction(-137, 10), "-1,370.0 %"),
        (Fraction(1, 2000), "0.1 %"),
        (Fraction(0), "0.0 %"),
        (None, ""),
    ],
)
def test_a_share_has_one_decimal(share: Fraction | None, text: str) -> None:
    assert format_percent(share) == text
