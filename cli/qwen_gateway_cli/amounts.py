"""Amounts and shares as text. Amounts are integers in pico-units of a currency."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")


def to_decimal(amount: int) -> Decimal:
    """Return an amount in the currency's main unit, exactly and without trailing zeros."""
    value = Decimal(amount).scaleb(-12).normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def format_exactly(amount: int) -> str:
    """Return an amount with all of its decimals and without separators: `0.0032`."""
    return f"{to_decimal(amount):f}"


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
