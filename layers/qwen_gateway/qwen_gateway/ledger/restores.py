"""Lost records (docs/ledger.md): what a function could not write, and logged instead, is put in, once.

Reconcile may have closed the call meanwhile, at the whole hold. Then the true record replaces the abandoned one, and
the key gets back what it was charged too much, in the same transaction.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from qwen_gateway.ledger.corrections import Corrections
from qwen_gateway.ledger.key_errors import KeyConflict
from qwen_gateway.ledger.roll_up import late_mark
from qwen_gateway.ledger.usage_ledger import ABSENT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

type Restored = Literal["restored", "replaced", "exists", "refunded"]
"""What became of a lost record: put where there was none, put instead of the abandoned or open one, there before, or
left out because the abandoned one was refunded."""

_SECONDS_A_DAY = 86_400
_MAX_SENDS = 5
_REPLACED = frozenset({"open", "abandoned"})


class Restores:
    """Both tables with the permission to restore records."""

    def __init__(self, client: "DynamoDBClient", keys_table: str, usage_table: str, retention_days: int) -> None:
        self._corrections = Corrections(client, keys_table, usage_table)
        self._retention_s = retention_days * _SECONDS_A_DAY

    def restore(self, record: Mapping[str, Any]) -> Restored:
        """Put a record in, whose fields are those of its log line, and mark its day as late.

        Raises:
            HoldOpen: reconcile is about to close the call.
            KeyNotFound: the key of an abandoned record is gone.
            KeyConflict: the record or the key changed at every attempt.
        """
        fields = {**record, "expires_at": record["created"] + self._retention_s}
        key_id, ulid = record["pk"].removeprefix("KEY#"), record["sk"].removeprefix("USE#")
        mark = self._corrections.put(late_mark(key_id, ulid))
        for _ in range(_MAX_SENDS):
            found = self._corrections.write([self._corrections.put(fields, ABSENT), mark])
            if found is None:
                return "restored"
            if not found:
                continue
            if found.get("state") not in _REPLACED:
                return "exists"
            if "adjustment" in found:
                return "refunded"
            if self._corrections.write([*self._replace(fields, found, key_id), mark]) is None:
                return "replaced"
        raise KeyConflict("The record or its key changed at every attempt. Repeat the command.")

    def _replace(self, fields: Mapping[str, Any], found: Mapping[str, Any], key_id: str) -> list[dict[str, Any]]:
        """Return the writes that put the true record instead of the one found, at the cost of the same hold."""
        hold = {"hold": found["hold"]} if "hold" in found else {}
        put = self._corrections.put(
            {**fields, **hold},
            "#state = :state AND attribute_not_exists(#adjustment)",
            state=found["state"],
        )
        if not hold:
            return [put]
        more = fields.get("cost", 0) - found.get("cost", 0)
        return [put, self._corrections.correct_spent(key_id, found["hold"], more)]
