"""The end of a call: its record decides what it cost, and its hold follows."""

from typing import NamedTuple

from qwen_gateway.ledger.admission import Admission
from qwen_gateway.ledger.key_snapshot import KeySnapshot
from qwen_gateway.ledger.key_writes import (
    alert_threshold,
    count_tokens,
    mark_alert,
    raise_hold,
    release,
    stale_counters,
)
from qwen_gateway.ledger.keys_table import KeysTable
from qwen_gateway.ledger.usage_ledger import UsageLedger, UsageRecord, WinningRecord

ALERT_LEVELS = (100, 80)
"""Per cent of a budget, the highest first."""


class Alert(NamedTuple):
    """A key has spent `level` per cent of its budget, told for the first time in this period."""

    level: int
    budget: int
    spent: int


class Settlements:
    """Settles the calls of an execution environment."""

    def __init__(self, table: KeysTable, records: UsageLedger) -> None:
        self._table = table
        self._records = records

    def open(self, record: UsageRecord) -> None:
        """Put the open record of a call without a hold, before its first attempt.

        Raises:
            LedgerUnavailable: it is not known to be there.
        """
        self._records.put_open(record)

    def raise_hold(self, admission: Admission, new: int) -> Admission | None:
        """Hold `new` pico-units for an admitted call; None if that was refused.

        Raises:
            LedgerUnavailable: DynamoDB failed.
        """
        if admission.hold is None:
            return admission
        written = raise_hold(self._table, admission.snapshot.key.id, admission.hold, admission.amount, new)
        held = written.item.holds.get(admission.hold) if written.item else None
        return admission._replace(amount=new) if held == new else None

    def put(self, admission: Admission, record: UsageRecord) -> WinningRecord:
        """Put the record of a call, and return the one that counts.

        Raises:
            LedgerUnavailable: DynamoDB failed.
        """
        return self._records.put_record(record) if admission.hold else self._records.replace_open(record)

    def release(self, admission: Admission, winner: WinningRecord, tokens: int, now: int) -> KeySnapshot | None:
        """Give the hold back once the record is there, and count the tokens. Returns the key's item, None without one.

        Raises:
            LedgerUnavailable: DynamoDB failed; reconcile releases the hold.
        """
        snapshot = admission.snapshot
        minute = f"t{now // 60}"
        counts = snapshot.tpm is not None and tokens > 0
        if admission.hold is None:
            if counts:
                count_tokens(self._table, snapshot.key.id, minute, tokens)
            return None
        return self._release(
            snapshot.key.id,
            admission.hold,
            admission.amount,
            winner.cost if winner.hold == admission.hold else 0,
            (minute, tokens) if counts else None,
            stale_counters(snapshot, now),
        )

    def release_unclear(self, record: UsageRecord, holds: tuple[str, ...], amount: int) -> None:
        """Put the record of a call that called no provider, and release all that its sends may have held.

        Raises:
            LedgerUnavailable: DynamoDB failed; reconcile releases the holds.
        """
        winner = self._records.put_record(record)
        for hold in holds:
            self._release(record.key_id, hold, amount, winner.cost if winner.hold == hold else 0)

    def mark_alert(self, snapshot: KeySnapshot) -> Alert | None:
        """Return the alert of a key that has just spent 80 or 100 per cent of its budget; each is returned once.

        Raises:
            LedgerUnavailable: DynamoDB failed; reconcile marks the alert.
        """
        budget = snapshot.budget
        if not budget:
            return None
        for level in ALERT_LEVELS:
            if snapshot.spent >= alert_threshold(level, budget) and snapshot.alerted < level:
                is_first = mark_alert(self._table, snapshot.key.id, level, budget)
                return Alert(level, budget, snapshot.spent) if is_first else None
        return None

    def _release(  # noqa: PLR0913, PLR0917 - the facts of the write
        self,
        key_id: str,
        hold: str,
        amount: int,
        cost: int,
        tokens: tuple[str, int] | None = None,
        stale: list[str] | None = None,
    ) -> KeySnapshot | None:
        """Release a hold, also one that a raise has changed meanwhile."""
        while True:
            written = release(self._table, key_id, hold, amount, cost, tokens=tokens, stale=stale or ())
            held = written.item.holds.get(hold) if written.item else None
            if written.applied or held is None:
                return written.item
            amount = held
