"""The price file."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("aws-prices.toml")


class Prices(NamedTuple):
    """List prices in USD, and the assumptions on one call and on the alternative, by section of the file."""

    region: str
    as_of: date
    sections: dict[str, dict[str, Any]]

    def get(self, section: str, name: str) -> Decimal:
        """Return a price or an assumption.

        Raises:
            KeyError: the file does not have it.
        """
        return Decimal(self.sections[section][name])


def load_prices(file: Path = FILE) -> Prices:
    """Return the contents of the price file; its numbers are exact."""
    document = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    sections = {name: value for name, value in document.items() if isinstance(value, dict)}
    return Prices(document["region"], document["as_of"], sections)
