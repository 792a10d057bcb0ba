"""The parts of the cost in a usage record: input, cached, cache_write, output, thinking, fees."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from qwen_gateway.amounts import format_exactly
from qwen_gateway.pricing.cost import Bill, bill
from qwen_gateway.pricing.price_list import names, price_list
from qwen_gateway.pricing.prices import convert
from qwen_gateway.usage import Usage


class Part(NamedTuple):
    """One part of a cost: `price` is for one million tokens or a thousand calls, in the price's currency."""

    kind: str
    quantity: int
    price: str
    amount: str


def find_cost_parts(record: Mapping[str, Any]) -> tuple[list[Part], str]:
    """Return the parts of a record's cost, computed from the price that it names, and what is to be said of them.

    There are none if the record has no price, or one that the price lists of this repository do not have.
    """
    version = record.get("price")
    if version is None:
        return [], ""
    name, _, rest = version.partition("/")
    model = rest.rpartition("@")[0]
    known = price_list(name).prices(model) if name in names() else ()
    usage = Usage(**{field: record.get(field) for field in Usage._fields})
    result = bill(usage, [price for price in known if price.version == version])
    if not isinstance(result, Bill):
        return [], f"The price lists of this repository do not have {version}."
    total = convert(result.total, Decimal(record.get("exchange_rate", 1)))
    changed = f"{version} has changed since: it gives {format_exactly(total)} now." if total != record["cost"] else ""
    parts = [
        Part(
            item.kind,
            item.quantity,
            format_exactly(amount // item.quantity * item.unit.per),
            f"{format_exactly(amount)} {result.price.currency}",
        )
        for item, amount in result.amounts
    ]
    return parts, changed
