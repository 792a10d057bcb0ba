"""Usage records, read for the operator."""

from collections.abc import Iterator, Mapping
from itertools import batched
from typing import TYPE_CHECKING, Any

from qwen_gateway.ledger.dynamodb import from_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_BATCH = 100
"""The most items of a BatchGetItem."""


def find_record(client: "DynamoDBClient", keys_table: str, usage_table: str, ulid: str) -> dict[str, Any] | None:
    """Return the fields of the record of a request, or None if there is none.

    A record's key starts with that of the API key, which a request's id does not name, so every key is tried.
    """
    for ids in batched(_key_ids(client, keys_table), _BATCH, strict=False):
        wanted: list[Mapping[str, Any]] = [{"pk": {"S": f"KEY#{key_id}"}, "sk": {"S": f"USE#{ulid}"}} for key_id in ids]
        while wanted:
            answer = client.batch_get_item(RequestItems={usage_table: {"Keys": wanted}})
            if items := answer["Responses"].get(usage_table):
                return from_item(items[0])
            unprocessed = answer["UnprocessedKeys"].get(usage_table)
            wanted = list(unprocessed["Keys"]) if unprocessed else []
    return None


def _key_ids(client: "DynamoDBClient", keys_table: str) -> Iterator[str]:
    for page in client.get_paginator("scan").paginate(TableName=keys_table, ProjectionExpression="id"):
        for item in page["Items"]:
            yield item["id"]["S"]
