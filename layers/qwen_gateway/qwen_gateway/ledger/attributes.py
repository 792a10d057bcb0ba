"""Plain values to DynamoDB's attribute values and back.

The ledger counts in integers, so this stays exact, and it spares the functions boto3's serializer with its decimals.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

type Plain = str | int | bool | Sequence[Plain | None] | Mapping[str, Plain | None]
type Item = Mapping[str, AttributeValueTypeDef]


def to_item(fields: Mapping[str, Plain | None]) -> "dict[str, AttributeValueTypeDef]":
    """Return an item; fields that are None are left out.

    Raises:
        TypeError: a value of another type, a float above all.
    """
    return {name: _attribute(value) for name, value in fields.items() if value is not None}


def from_item(item: Item) -> dict[str, Any]:
    """Return an item's plain values."""
    return {name: _plain(attribute) for name, attribute in item.items()}


def _attribute(value: Plain) -> "AttributeValueTypeDef":
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case Mapping():
            return {"M": to_item(value)}
        case list() | tuple():
            return {"L": [_attribute(each) for each in value if each is not None]}
    raise TypeError(f"the ledger holds no {type(value).__name__}")


def _plain(attribute: "AttributeValueTypeDef") -> Any:
    if "N" in attribute:
        return int(attribute["N"])
    if "M" in attribute:
        return from_item(attribute["M"])
    if "L" in attribute:
        return [_plain(each) for each in attribute["L"]]
    return attribute["S"] if "S" in attribute else attribute["BOOL"]
