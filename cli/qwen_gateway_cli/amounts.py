"""Amounts as text, exactly: integers of pico-units, and decimals of the currency's main unit."""

import re

_DECIMALS = 12
_AMOUNT = re.compile(rf"([0-9]{{1,9}})(?:\.([0-9]{{1,{_DECIMALS}}}))?")


def format_amount(pico: int) -> str:
    """Return pico-units in the main unit, exactly: `-0.0032`."""
    whole, part = divmod(abs(pico), 10**_DECIMALS)
    decimals = f".{part:0{_DECIMALS}}".rstrip("0").rstrip(".")
    return f"{'-' if pico < 0 else ''}{whole}{decimals}"


def parse_amount(text: str) -> int:
    """Return an amount of the main unit, such as `1.50`, in pico-units.

    Raises:
        ValueError: it is no number of at most 9 digits and 12 decimals. 0 is one.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("no amount")
    return int(match[1] + (match[2] or "").ljust(_DECIMALS, "0"))
