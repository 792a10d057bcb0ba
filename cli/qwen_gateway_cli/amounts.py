"""Amounts and shares for people. Amounts are integers in pico-units of a currency."""

import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from qwen_gateway.amounts import to_decimal

_DECIMALS = 12
_AMOUNT = re.compile(rf"([0-9]{{1,9}})(?:\.([0-9]{{1,{_DECIMALS}}}))?")
_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")


def parse_amount(text: str) -> int:
    """Return an amount of the main unit, such as `1.50`, in pico-units.

    Raises:
        ValueError: it is no number of at most 9 digits and 12 decimals. 0 is one.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("no amount")
    return int(match[1] + (match[2] or "").ljust(_DECIMALS, "0"))


def format_amount(amount: int) -> str:
    """Return an amount for people: `1,234.50`. Amounts below a cent have two significant digits."""
    value = to_decimal(amount)
    step = _CENT if not value or abs(value) >= _CENT else Decimal(1).scaleb(value.adjusted() - 1)
    return f"{value.quantize(step, ROUND_HALF_UP):,f}"


def to_percent(share: Fraction) -> Decimal:
    """Return a share in per cent, with one decimal."""
    return (Decimal(share.numerator * 100) / share.denominator).quantize(_TENTH, ROUND_HALF_UP)


def format_percent(share: Fraction | None) -> str:
    """Return a share as `83.3 %`; nothing for None."""
    return "" if share is None else f"{to_percent(share):,f} %"
