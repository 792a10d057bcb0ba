"""Corrections of final records by the operator: what refunds, repricings and restored records share.

Each is one transaction that changes the record, the adjustments and the key together, or nothing (docs/ledger.md).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from qwen_gateway.ledger.dynamodb import Item, Plain, from_item, to_item
from qwen_gateway.ledger.expressions import Update, expressions
from qwen_gateway.ledger.key_errors import HoldOpen, KeyNotFound
from qwen_gateway.ledger.usage_ledger import ABSENT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

COPIED = ("provider", "model_used", "model_asked", "end_user", "tags")
"""What an adjustment has of its record, so that reports sum both under the same names."""
_REFUSED = "ConditionalCheckFailed"


class Corrections:
    """Both tables with the permission to correct."""

    def __init__(self, client: "DynamoDBClient", keys_table: str, usage_table: str) -> None:
        self._client = client
        self._keys_table = keys_table
        self._usage_table = usage_table

    def write(self, writes: Sequence[Any]) -> dict[str, Any] | None:
        """Send a transaction, whose first write is that of the record.

        Returns:
            None if it was applied, else the record on which its condition failed, or an empty one if it did not fail
            there.
        """
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as failure:
            return _find_record(failure)
        return None

    def update_record(self, record: Mapping[str, Any], update: Update) -> dict[str, Any]:
        """Return the write that updates a record."""
        return self._update(self._usage_table, {"pk": record["pk"], "sk": record["sk"]}, update)

    def put(self, fields: Mapping[str, Plain | None], condition: str = "", **values: Plain) -> dict[str, Any]:
        """Return the write that puts an item into the usage table."""
        put: dict[str, Any] = {"TableName": self._usage_table, "Item": to_item(fields)}
        if condition:
            put |= expressions(values, ConditionExpression=condition)
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {"Put": put}

    def put_adjustment(
        self, record: Mapping[str, Any], ulid: str, fields: Mapping[str, Plain | None]
    ) -> dict[str, Any]:
        """Return the write of an adjustment of a record: an entry `ADJ#` of its own."""
        entry = {
            "pk": record["pk"],
            "sk": f"ADJ#{ulid}",
            "request": record["sk"].removeprefix("USE#"),
            **{name: record[name] for name in COPIED if name in record},
        }
        return self.put(entry | dict(fields), ABSENT)

    def correct_spent(self, key_id: str, hold: str, more: int) -> dict[str, Any]:
        """Return the write that makes a closed call cost its key `more`; negative: money comes back.

        It counts for the current period, so that money that comes back can be spent again. Only if this period has
        spent less than what comes back, the rest is taken from the total of the earlier ones.

        Raises:
            KeyNotFound: the key is gone.
            HoldOpen: the call is not closed yet.
        """
        key = self._read_key(key_id)
        if hold in key["holds"]:
            raise HoldOpen
        of_spent = max(more, -key["spent"])
        of_total = more - of_spent
        update = Update(
            "SET #remaining = #remaining - :of_spent, #spent = #spent + :of_spent, #total = #total + :of_total",
            "attribute_not_exists(#holds.#hold) AND #spent >= :least_spent AND #total >= :least_total",
            {
                "of_spent": of_spent,
                "of_total": of_total,
                "least_spent": max(-of_spent, 0),
                "least_total": max(-of_total, 0),
            },
            {"hold": hold},
        )
        return self._update(self._keys_table, {"id": key_id}, update)

    def _read_key(self, key_id: str) -> dict[str, Any]:
        output = self._client.get_item(TableName=self._keys_table, Key=to_item({"id": key_id}), ConsistentRead=True)
        if "Item" not in output:
            raise KeyNotFound(key_id)
        return from_item(output["Item"])

    @staticmethod
    def _update(table: str, key: Mapping[str, Plain], update: Update) -> dict[str, Any]:
        return {"Update": {"TableName": table, "Key": to_item(key), **update.parameters()}}


def _find_record(failure: ClientError) -> dict[str, Any]:
    response = cast("Mapping[str, Any]", failure.response)
    first, *_ = response["CancellationReasons"]
    return from_item(cast("Item", first.get("Item", {}))) if first.get("Code") == _REFUSED else {}
