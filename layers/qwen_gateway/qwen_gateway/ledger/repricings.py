"""Repricings (docs/ledger.md): an entry beside a record says by how much a corrected price changes its cost.

The record keeps its cost. It has the sums of its repricings, `repriced`, and of what its key was charged for them,
`charged`, so that no repricing is written twice.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from qwen_gateway import ulid
from qwen_gateway.ledger.corrections import Corrections
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.roll_up import late_mark

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Repricing(NamedTuple):
    """What is to be written for a record.

    Attributes:
        record: as it was read.
        amount: by how much its cost changes, in pico-units of `currency`.
        charge: by how much the budget of its key changes, on which the key has `charge` less to spend.
        price: the version of the corrected price.
    """

    record: Mapping[str, Any]
    amount: int
    currency: str
    price: str
    charge: int = 0

    @property
    def key_id(self) -> str:
        """The key of the record."""
        key_id: str = self.record["pk"].removeprefix("KEY#")
        return key_id

    @property
    def ulid(self) -> str:
        """The id of the record."""
        record_ulid: str = self.record["sk"].removeprefix("USE#")
        return record_ulid


class Repricings:
    """Both tables with the permission to reprice."""

    def __init__(self, client: "DynamoDBClient", keys_table: str, usage_table: str) -> None:
        self._corrections = Corrections(client, keys_table, usage_table)

    def write(self, repricing: Repricing, now: float) -> bool:
        """Write a repricing, and mark the day of its record as late. `now` is in seconds since 1970.

        Returns:
            Whether it was written: not if the record or the key changed since they were read.

        Raises:
            KeyNotFound: the budget of a key that is gone is to be changed.
            HoldOpen: the same of a call that reconcile has not closed yet.
        """
        record = repricing.record
        # It has the time of its record, so that it is summed on the day of the record.
        entry = ulid.new(ulid.milliseconds(repricing.ulid))
        fields = {
            "cost": repricing.amount,
            "cost_currency": repricing.currency,
            "charged": repricing.charge,
            "reason": "repriced",
            "price": repricing.price,
            "price_before": record.get("price"),
            "created": int(now),
            "expires_at": record["expires_at"],
        }
        writes = [
            self._corrections.update_record(record, _mark(repricing)),
            self._corrections.put_adjustment(record, entry, fields),
            self._corrections.put(late_mark(repricing.key_id, repricing.ulid)),
        ]
        if repricing.charge:
            writes.append(self._corrections.correct_spent(repricing.key_id, record["hold"], repricing.charge))
        return self._corrections.write(writes) is None


def _mark(repricing: Repricing) -> Update:
    record = repricing.record
    unchanged = [
        f"#{name} = :{name}" if name in record else f"attribute_not_exists(#{name})"
        for name in ("state", "cost", "repriced", "charged", "adjustment")
    ]
    return Update(
        "SET #repriced = :new_repriced, #charged = :new_charged",
        " AND ".join(unchanged),
        {
            **{name: record.get(name, 0) for name in ("state", "cost", "repriced", "charged", "adjustment")},
            "new_repriced": record.get("repriced", 0) + repricing.amount,
            "new_charged": record.get("charged", 0) + repricing.charge,
        },
    )
