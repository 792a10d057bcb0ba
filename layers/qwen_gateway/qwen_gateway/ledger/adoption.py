"""`adopt` (docs/ledger.md): the counters of a key from before the ledger, at its first use."""

from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from qwen_gateway.ledger.dynamodb import Item, is_condition_failure
from qwen_gateway.ledger.expressions import expressions
from qwen_gateway.ledger.key_errors import KeyNotFound
from qwen_gateway.ledger.key_settings import DEFAULT_MAX_OUTPUT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_INITIAL = {
    "remaining": ":zero",
    "spent": ":zero",
    "total": ":zero",
    "alerted": ":zero",
    "window": ":empty",
    "holds": ":empty",
    "default_max_output": ":default",
}


def adopt(client: "DynamoDBClient", table_name: str, key_id: str) -> Item:
    """Give a key its counters and return its item. Whoever adopted it first, the result is the same.

    Raises:
        KeyNotFound: no key has this id.
    """
    assignments = ", ".join(f"#{name} = if_not_exists(#{name}, {value})" for name, value in _INITIAL.items())
    try:
        output = client.update_item(
            TableName=table_name,
            Key={"id": {"S": key_id}},
            **expressions(
                {":zero": 0, ":empty": {}, ":default": DEFAULT_MAX_OUTPUT},
                UpdateExpression=f"SET {assignments}",
                ConditionExpression="attribute_exists(#id) AND attribute_not_exists(#remaining)",
            ),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as failure:
        if not is_condition_failure(failure):
            raise
        if item := cast("Item", failure.response.get("Item", {})):
            return item
        raise KeyNotFound(key_id) from None
    return output["Attributes"]
