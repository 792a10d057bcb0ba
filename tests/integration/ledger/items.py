"""Items of both tables, read and checked against the first promise of docs/ledger.md."""

from typing import Any

from qwen_gateway.ledger.dynamodb import from_item, to_item
from tests.builders.ledger import KEY_ID
from tests.integration.emulated_aws import Aws


def read_key(aws: Aws, key_id: str = KEY_ID) -> dict[str, Any]:
    """Return the item of a key whose sums are right: budget = remaining + holds + spent."""
    item = from_item(aws.dynamodb.get_item(TableName=aws.keys_table, Key={"id": {"S": key_id}})["Item"])
    if "remaining" in item:
        assert item.get("budget", 0) == item["remaining"] + sum(item["holds"].values()) + item["spent"]
    return item


def read_record(aws: Aws, call: str, key_id: str = KEY_ID) -> dict[str, Any]:
    """Return the record of a call, or an empty one."""
    key = to_item({"pk": f"KEY#{key_id}", "sk": f"USE#{call}"})
    return from_item(aws.dynamodb.get_item(TableName=aws.usage_table, Key=key).get("Item", {}))


def put_record(aws: Aws, call: str, key_id: str = KEY_ID, **fields: Any) -> None:
    """Store a record of a call."""
    record: dict[str, Any] = {"pk": f"KEY#{key_id}", "sk": f"USE#{call}", "created": 1_790_000_000} | fields
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(record))


def put_key(aws: Aws, item: Any) -> None:
    """Store the item of a key."""
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=item)


def spend(aws: Aws, amount: int) -> None:
    """Spend an amount, as the calls of a key do meanwhile."""
    aws.dynamodb.update_item(
        TableName=aws.keys_table,
        Key={"id": {"S": KEY_ID}},
        UpdateExpression="SET #remaining = #remaining - :amount, #spent = #spent + :amount",
        ExpressionAttributeNames={"#remaining": "remaining", "#spent": "spent"},
        ExpressionAttributeValues={":amount": {"N": str(amount)}},
    )


def list_adjustments(aws: Aws) -> list[dict[str, Any]]:
    """Return the adjustments of all keys."""
    items = aws.dynamodb.scan(TableName=aws.usage_table)["Items"]
    return [fields for fields in map(from_item, items) if fields["sk"].startswith("ADJ#")]
