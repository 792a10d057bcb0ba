"""Refunds (docs/ledger.md): the cost of a closed call goes back to its key, in one transaction."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from qwen_gateway import ulid
from qwen_gateway.ledger.corrections import Corrections
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.key_errors import KeyConflict, RefundRefused

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SECONDS_A_DAY = 86_400
_MAX_SENDS = 5


class Refund(NamedTuple):
    """A refund: what was taken off the cost, in pico-units, and for which key."""

    key_id: str
    amount: int


class Refunds:
    """Both tables with the permission to refund."""

    def __init__(self, client: "DynamoDBClient", keys_table: str, usage_table: str, retention_days: int) -> None:
        self._corrections = Corrections(client, keys_table, usage_table)
        self._retention_s = retention_days * _SECONDS_A_DAY

    def refund(self, record: Mapping[str, Any], now: float) -> Refund:
        """Give back what a record charged. `now` is in seconds since 1970.

        Raises:
            RefundRefused: the record cannot be refunded, or was before.
            KeyNotFound: the key of the record is gone.
            HoldOpen: reconcile has not closed the call yet.
            KeyConflict: calls of the key changed its counters at every attempt.
        """
        amount = _find_amount(record)
        key_id = record["pk"].removeprefix("KEY#")
        adjustment = ulid.new(int(now * 1000))
        fields = {
            "cost": -amount,
            "cost_currency": record.get("cost_currency"),
            "created": int(now),
            "expires_at": int(now) + self._retention_s,
        }
        for _ in range(_MAX_SENDS):
            writes = [
                self._corrections.update_record(record, _mark(record, adjustment)),
                self._corrections.put_adjustment(record, adjustment, fields),
            ]
            if "hold" in record:
                # Of a repricing, the key was charged only what was adjusted.
                charged = record["cost"] + record.get("charged", 0)
                writes.append(self._corrections.correct_spent(key_id, record["hold"], -charged))
            failed = self._corrections.write(writes)
            if failed is None or _is_written(failed, adjustment):
                return Refund(key_id, amount)
        raise KeyConflict("The key is busy: its counters changed at every attempt. Repeat the command.")


def _mark(record: Mapping[str, Any], adjustment: str) -> Update:
    is_unchanged = "#repriced = :repriced" if "repriced" in record else "attribute_not_exists(#repriced)"
    return Update(
        "SET #adjustment = :adjustment",
        f"attribute_not_exists(#adjustment) AND #cost = :cost AND {is_unchanged}",
        {"adjustment": adjustment, "cost": record["cost"], "repriced": record.get("repriced", 0)},
    )


def _find_amount(record: Mapping[str, Any]) -> int:
    """Return what a record costs, with its repricings."""
    if "adjustment" in record:
        raise _refunded_before()
    if record.get("state") == "open":
        raise RefundRefused("This request is still open, so it has no cost yet.")
    amount: int = record.get("cost", 0) + record.get("repriced", 0)
    if "cost" not in record or amount <= 0:
        raise RefundRefused("This request cost nothing, or its cost is not known. There is nothing to refund.")
    return amount


def _is_written(item: Mapping[str, Any], adjustment: str) -> bool:
    """Return whether the record already names this refund: botocore repeats a write whose response was lost.

    Raises:
        RefundRefused: it names another one, or has changed.
    """
    if not item:
        return False
    if item.get("adjustment") == adjustment:
        return True
    if "adjustment" in item:
        raise _refunded_before()
    raise RefundRefused("The record of this request has another cost now. Look at it again.")


def _refunded_before() -> RefundRefused:
    return RefundRefused("This request was refunded before.")
