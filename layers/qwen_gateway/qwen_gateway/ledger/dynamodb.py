"""DynamoDB for the ledger: plain values to attribute values and back, and what its failures mean.

The ledger counts in integers, so the conversion is exact and needs no decimals; the functions do not load boto3's
serializer for it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)

from qwen_gateway.errors import LedgerUnavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

type Plain = str | int | bool | Sequence[Plain | None] | Mapping[str, Plain | None]
type Item = Mapping[str, AttributeValueTypeDef]

FAILURES = (ClientError, BotoCoreError)
"""Every exception of a DynamoDB call: no connection, throttled, access denied, no such table."""


def ledger_unavailable() -> LedgerUnavailable:
    """Return the error to raise `from` a failure. Its message is the same for every cause and quotes nothing."""
    return LedgerUnavailable(
        "The gateway cannot reach its ledger at the moment. Repeat the request in a second.", retry_after=1
    )


def is_condition_failure(failure: Exception) -> bool:
    """Return whether a write was rejected because its ConditionExpression was false."""
    return isinstance(failure, ClientError) and failure.response["Error"]["Code"] == "ConditionalCheckFailedException"


_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ProxyConnectionError)
_SERVER_FAULTS = frozenset({"InternalServerError", "InternalFailure", "ServiceUnavailable"})
_FIRST_SERVER_ERROR = 500


def is_unclear(failure: Exception) -> bool:
    """Return whether a failed write may have been applied, or may be later: a timeout, a lost connection, a 5xx."""
    if isinstance(failure, ClientError):
        status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return status >= _FIRST_SERVER_ERROR or failure.response["Error"]["Code"] in _SERVER_FAULTS
    return not isinstance(failure, _NOT_SENT)


def to_item(fields: Mapping[str, Plain | None]) -> "dict[str, AttributeValueTypeDef]":
    """Return an item, without the fields that are None.

    Raises:
        TypeError: a value has another type, for example float.
    """
    return {name: _to_attribute(value) for name, value in fields.items() if value is not None}


def from_item(item: Item) -> dict[str, Any]:
    """Return an item's plain values."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _to_attribute(value: Plain) -> "AttributeValueTypeDef":
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
            return {"L": [_to_attribute(each) for each in value if each is not None]}
    raise TypeError(f"the ledger cannot store a {type(value).__name__}")


def _from_attribute(attribute: "AttributeValueTypeDef") -> Any:
    if "N" in attribute:
        return int(attribute["N"])
    if "M" in attribute:
        return from_item(attribute["M"])
    if "L" in attribute:
        return [_from_attribute(each) for each in attribute["L"]]
    return attribute["S"] if "S" in attribute else attribute["BOOL"]
