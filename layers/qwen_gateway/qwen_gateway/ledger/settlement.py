"""The end of a call: its record decides what it cost, and its hold follows."""

from collections.abc import Callable
from contextlib import suppress

from qwen_gateway.ledger.admission import Admission
from qwen_gateway.ledger.alerts import Alert, claim_alert
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.key_snapshot import KeySnapshot
from qwen_gateway.ledger.key_writes import count_tokens, raise_hold, release_also_raised, stale_counters
from qwen_gateway.ledger.keys_table import KeysTable, WriteFailed, WriteUnclear, Written
from qwen_gateway.ledger.usage_ledger import UsageLedger, UsageRecord, WinningRecord


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
        written = self._table.write(admission.snapshot.id, raise_hold(admission.hold, admission.amount, new))
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
                with suppress(WriteFailed, WriteUnclear):
                    self._table.write_once(snapshot.id, count_tokens(minute, tokens))
            return None
        return release_also_raised(
            self._writer(snapshot.id),
            admission.hold,
            admission.amount,
            winner.cost if winner.hold == admission.hold else 0,
            tokens=(minute, tokens) if counts else None,
            stale=stale_counters(snapshot, now),
        ).item

    def release_unclear(self, record: UsageRecord, holds: tuple[str, ...], amount: int) -> None:
        """Put the record of a call that called no provider, and release all that its sends may have held.

        Raises:
            LedgerUnavailable: DynamoDB failed; reconcile releases the holds.
        """
        winner = self._records.put_record(record)
        for hold in holds:
            cost = winner.cost if winner.hold == hold else 0
            release_also_raised(self._writer(record.key_id), hold, amount, cost)

    def claim_alert(self, snapshot: KeySnapshot) -> Alert | None:
        """Return the alert of a key that has just spent 80 or 100 per cent of its budget; each is returned once.

        Raises:
            LedgerUnavailable: DynamoDB failed; reconcile marks the alert.
        """
        return claim_alert(self._writer(snapshot.id), snapshot)

    def _writer(self, key_id: str) -> Callable[[Update], Written]:
        return lambda update: self._table.write(key_id, update)
