"""Amounts are integers in pico-units (10^-12) of a currency."""

from decimal import Decimal

PICO = 10**12
"""Pico-units of one main unit."""


def to_decimal(amount: int) -> Decimal:
    """Return an amount in the currency's main unit, exactly and without trailing zeros."""
    value = Decimal(amount).scaleb(-12).normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value


def to_float(amount: int) -> float:
    """Return an amount in the currency's main unit, for JSON."""
    return amount / PICO


def format_exactly(amount: int) -> str:
    """Return an amount with all of its decimals and without separators: `0.0032`."""
    return f"{to_decimal(amount):f}"
