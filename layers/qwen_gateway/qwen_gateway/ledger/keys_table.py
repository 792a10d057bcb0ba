"""Conditional writes of a key's item, and what their answers mean."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway.ledger.api_keys import read_key_item
from qwen_gateway.ledger.dynamodb import FAILURES, is_condition_failure, is_unclear, ledger_unavailable
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.key_snapshot import KeySnapshot

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


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


def send_update(client: "DynamoDBClient", table_name: str, key_id: str, update: Update) -> Written:
    """Send a write of a key's item. Failures, except a refused condition, are botocore's exceptions."""
    try:
        output = client.update_item(
            TableName=table_name, Key={"id": {"S": key_id}}, ReturnValues="ALL_NEW", **update.parameters()
        )
    except ClientError as failure:
        if not is_condition_failure(failure):
            raise
        item: Any = failure.response.get("Item")
        return Written(applied=False, item=KeySnapshot.of(item) if item else None)
    return Written(applied=True, item=KeySnapshot.of(output["Attributes"]))


class KeysTable:
    """The keys table on the way of a call.

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
        """Read an item, or raise LedgerUnavailable."""
        item = read_key_item(self._client, self._table_name, key_id)
        return KeySnapshot.of(item) if item else None

    def write(self, key_id: str, update: Update) -> Written:
        """Send a write that anyone may repeat: it makes its own condition false.

        Raises:
            LedgerUnavailable: DynamoDB failed.
        """
        try:
            return send_update(self._client, self._table_name, key_id, update)
        except FAILURES as failure:
            raise ledger_unavailable() from failure

    def write_once(self, key_id: str, update: Update) -> Written:
        """Send a write without a repetition.

        Raises:
            WriteFailed: it was not applied.
            WriteUnclear: nobody knows.
        """
        try:
            return send_update(self._once, self._table_name, key_id, update)
        except (BotoCoreError, ClientError) as failure:
            raise (WriteUnclear if is_unclear(failure) else WriteFailed) from failure
