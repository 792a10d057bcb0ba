"""Usage records, read for the operator."""

import re
from collections.abc import Iterator, Mapping
from itertools import batched
from typing import TYPE_CHECKING, Any

from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway_cli.console import refuse

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_BATCH = 100
"""The most items of a BatchGetItem."""
_REQUEST_ID = re.compile(r"(?:req_)?([0-9A-HJKMNP-TV-Z]{26})")


def require_record(client: "DynamoDBClient", keys_table: str, usage_table: str, request_id: str) -> dict[str, Any]:
    """Return the fields of the record of a request, whose ID is the x-request-id of the response.

    Raises:
        CommandRefused: this is no request's ID, or there is no record.
    """
    match = _REQUEST_ID.fullmatch(request_id)
    if match is None:
        refuse(f"{request_id[:64]!r} is not a request's ID, which looks like req_01K3V3N8M3Q7ZD4W9C6X5B2A1F.")
    return _find_record(client, keys_table, usage_table, match[1]) or refuse(
        "There is no record with this ID. A request that was refused for its key or its form leaves none, and a "
        "record is deleted after the stack's UsageRetentionDays."
    )


def _find_record(client: "DynamoDBClient", keys_table: str, usage_table: str, ulid: str) -> dict[str, Any] | None:
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
