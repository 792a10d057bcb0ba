"""Refunds (docs/ledger.md): the cost of a closed call goes back to its key, in one transaction."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

from qwen_gateway import ulid
from qwen_gateway.ledger.dynamodb import Item, from_item, to_item
from qwen_gateway.ledger.expressions import Update, expressions
from qwen_gateway.ledger.key_errors import KeyConflict, KeyNotFound, RefundRefused
from qwen_gateway.ledger.usage_ledger import ABSENT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

COPIED = ("provider", "model_used", "model_asked", "end_user", "tags")
"""What an adjustment has of its record, so that reports sum both under the same names."""
_SECONDS_A_DAY = 86_400
_MAX_SENDS = 5
_REFUSED = "ConditionalCheckFailed"


class Refund(NamedTuple):
    """A refund: what went back, in pico-units, and to which key."""

    key_id: str
    amount: int


class Refunds:
    """Both tables with the permission to refund."""

    def __init__(self, client: "DynamoDBClient", keys_table: str, usage_table: str, retention_days: int) -> None:
        self._client = client
        self._keys_table = keys_table
        self._usage_table = usage_table
        self._retention_s = retention_days * _SECONDS_A_DAY

    def refund(self, record: Mapping[str, Any], now: float) -> Refund:
        """Give back what a record charged. `now` is in seconds since 1970.

        Raises:
            RefundRefused: the record cannot be refunded, or was before.
            KeyNotFound: the key of the record is gone.
            KeyConflict: calls of the key changed its counters at every attempt.
        """
        _check(record)
        key_id = record["pk"].removeprefix("KEY#")
        adjustment = ulid.new(int(now * 1000))
        for _ in range(_MAX_SENDS):
            writes: list[Any] = [self._mark(record, adjustment), self._adjust(record, adjustment, now)]
            if "hold" in record:
                writes.append(self._credit(record, key_id))
            try:
                self._client.transact_write_items(TransactItems=writes)
            except self._client.exceptions.TransactionCanceledException as failure:
                if _is_written(failure, adjustment):
                    break
            else:
                break
        else:
            raise KeyConflict("The key is busy: its counters changed at every attempt. Repeat the command.")
        return Refund(key_id, record["cost"])

    def _mark(self, record: Mapping[str, Any], adjustment: str) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._usage_table,
                "Key": to_item({"pk": record["pk"], "sk": record["sk"]}),
                **Update(
                    "SET #adjustment = :adjustment",
                    "attribute_not_exists(#adjustment) AND #cost = :cost",
                    {"adjustment": adjustment, "cost": record["cost"]},
                ).parameters(),
            }
        }

    def _adjust(self, record: Mapping[str, Any], adjustment: str, now: float) -> dict[str, Any]:
        entry = {
            "pk": record["pk"],
            "sk": f"ADJ#{adjustment}",
            "request": record["sk"].removeprefix("USE#"),
            **{name: record[name] for name in COPIED if name in record},
            "cost": -record["cost"],
            "cost_currency": record.get("cost_currency"),
            "created": int(now),
            "expires_at": int(now) + self._retention_s,
        }
        return {
            "Put": {
                "TableName": self._usage_table,
                "Item": to_item(entry),
                **expressions({}, ConditionExpression=ABSENT),
            }
        }

    def _credit(self, record: Mapping[str, Any], key_id: str) -> dict[str, Any]:
        """Return the write on the key: from `spent` first, so that the money can be spent again in this period."""
        key = self._read_key(key_id)
        if record["hold"] in key["holds"]:
            raise RefundRefused(
                "The hold of this request is still open. Repeat the command when reconcile has closed it, "
                "or run: qwen-gateway reconcile --now"
            )
        from_spent = min(record["cost"], key["spent"])
        return {
            "Update": {
                "TableName": self._keys_table,
                "Key": to_item({"id": key_id}),
                **Update(
                    "SET #remaining = #remaining + :from_spent, #spent = #spent - :from_spent, "
                    "#total = #total - :from_total",
                    "attribute_not_exists(#holds.#hold) AND #spent >= :from_spent AND #total >= :from_total",
                    {"from_spent": from_spent, "from_total": record["cost"] - from_spent},
                    {"hold": record["hold"]},
                ).parameters(),
            }
        }

    def _read_key(self, key_id: str) -> dict[str, Any]:
        output = self._client.get_item(TableName=self._keys_table, Key=to_item({"id": key_id}), ConsistentRead=True)
        if "Item" not in output:
            raise KeyNotFound(key_id)
        return from_item(output["Item"])


def _check(record: Mapping[str, Any]) -> None:
    if "adjustment" in record:
        raise _refunded_before()
    if record.get("state") == "open":
        raise RefundRefused("This request is still open, so it has no cost yet.")
    if record.get("cost", 0) <= 0:
        raise RefundRefused("This request cost nothing, or its cost is not known. There is nothing to refund.")


def _is_written(failure: ClientError, adjustment: str) -> bool:
    """Return whether the record already names this refund: botocore repeats a write whose response was lost.

    Raises:
        RefundRefused: it names another one.
    """
    response = cast("Mapping[str, Any]", failure.response)
    mark, *_ = response["CancellationReasons"]
    if mark.get("Code") != _REFUSED:
        return False
    item = from_item(cast("Item", mark.get("Item", {})))
    if item.get("adjustment") == adjustment:
        return True
    if "adjustment" in item:
        raise _refunded_before()
    raise RefundRefused("The record of this request is gone, or has another cost now. Look at it again.")


def _refunded_before() -> RefundRefused:
    return RefundRefused("This request was refunded before.")
