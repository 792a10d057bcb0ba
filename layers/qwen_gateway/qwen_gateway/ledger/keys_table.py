"""One conditional write of a key's item, and what its answer means.

Every attribute is an alias, because its name may be a reserved word. Expressions name their own aliases and values
(`#name`, `:value`), and each write sends exactly those.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway.ledger.dynamodb import (
    FAILURES,
    Plain,
    is_condition_failure,
    is_unclear,
    ledger_unavailable,
    to_item,
)
from qwen_gateway.ledger.key_snapshot import KeySnapshot

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_ALIAS = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


class WriteUnclear(Exception):
    """The write was sent, and the answer does not tell whether it was or will be applied."""


class WriteFailed(Exception):
    """The write was not applied and never will be: not sent, throttled, denied or invalid."""


class Written(NamedTuple):
    """The answer to a write: the item after it, or, refused, the item on which its condition was judged.

    `item` is None if a refused write found no item.
    """

    applied: bool
    item: KeySnapshot | None


class Update(NamedTuple):
    """An UpdateItem: expressions, the attributes of aliases that are not named like them, and the values."""

    expression: str
    condition: str
    attributes: Mapping[str, str]
    values: Mapping[str, Plain]


class KeysTable:
    """The keys table.

    Args:
        client: with botocore's retries, for what may be repeated.
        once: without retries: botocore repeats an unclear write by itself and does not tell.
        table_name: the table.
    """

    def __init__(self, client: "DynamoDBClient", once: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._once = once
        self._table_name = table_name

    def connect(self) -> None:
        """Open both clients' connections with reads that find no item. Failures are ignored: later calls raise."""
        for client in (self._once, self._client):
            with suppress(*FAILURES):
                client.get_item(TableName=self._table_name, Key={"id": {"S": "-"}})

    def read_key(self, key_id: str) -> KeySnapshot | None:
        """Read an item consistently, so that a revocation holds for the next call.

        Raises:
            LedgerUnavailable: DynamoDB failed.
        """
        try:
            output = self._client.get_item(TableName=self._table_name, Key={"id": {"S": key_id}}, ConsistentRead=True)
        except FAILURES as failure:
            raise ledger_unavailable() from failure
        return KeySnapshot.of(output["Item"]) if "Item" in output else None

    def write(self, key_id: str, update: Update) -> Written:
        """Send a write that anyone may repeat: it makes its own condition false.

        Raises:
            LedgerUnavailable: DynamoDB failed.
        """
        try:
            return self._send(self._client, key_id, update)
        except FAILURES as failure:
            raise ledger_unavailable() from failure

    def write_once(self, key_id: str, update: Update) -> Written:
        """Send a write without a repetition.

        Raises:
            WriteFailed: it was not applied.
            WriteUnclear: nobody knows.
        """
        try:
            return self._send(self._once, key_id, update)
        except (BotoCoreError, ClientError) as failure:
            raise (WriteUnclear if is_unclear(failure) else WriteFailed) from failure

    def _send(self, client: "DynamoDBClient", key_id: str, update: Update) -> Written:
        texts = update.expression + " " + update.condition
        request: dict[str, Any] = {
            "TableName": self._table_name,
            "Key": {"id": {"S": key_id}},
            "UpdateExpression": update.expression,
            "ConditionExpression": update.condition,
            "ExpressionAttributeNames": {
                f"#{name}": update.attributes.get(name, name) for name in sorted(set(_ALIAS.findall(texts)))
            },
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values := {f":{name}": update.values[name] for name in sorted(set(_VALUE.findall(texts)))}:
            request["ExpressionAttributeValues"] = to_item(values)
        try:
            output = client.update_item(**request)
        except ClientError as failure:
            if not is_condition_failure(failure):
                raise
            item: Any = failure.response.get("Item")
            return Written(applied=False, item=KeySnapshot.of(item) if item else None)
        return Written(applied=True, item=KeySnapshot.of(output["Attributes"]))
