"""Reconcile (docs/ledger.md): it closes what calls that ended early have left behind. Two runs at once do no harm.

It also rolls the records up into the rows of their days (`roll_up`).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway import ulid
from qwen_gateway.ledger.alerts import Alert, claim_alert
from qwen_gateway.ledger.dynamodb import Plain, to_item
from qwen_gateway.ledger.expressions import Update
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S, KeySnapshot
from qwen_gateway.ledger.key_writes import release_also_raised, roll_period, stale_counters, sweep_window
from qwen_gateway.ledger.keys_table import Written, send_update
from qwen_gateway.ledger.roll_up import RollUp
from qwen_gateway.ledger.usage_ledger import ABSENT, RecordState, WinningRecord, put_record_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SECONDS_A_DAY = 86_400
_ABANDONED: RecordState = "abandoned"


class Outcome(NamedTuple):
    """What a run did. `failed` are keys of which something is left for the next run."""

    keys: int = 0
    holds_released: int = 0
    records_abandoned: int = 0
    records_rolled_up: int = 0
    periods_rolled: int = 0
    failed: int = 0


class Tables(NamedTuple):
    """The names of the tables, and what a record that reconcile makes needs to know of the stack."""

    keys: str
    usage: str
    retention_days: int
    currency: str


class Reporter(Protocol):
    """Who tells what a run found."""

    def failed(self, key_id: str, failure: Exception) -> None:
        """Tell that a key has failed; the run goes on with the next key."""
        ...

    def alerted(self, key_id: str, alert: Alert) -> None:
        """Tell that a key has spent a part of its budget."""
        ...


class Reconcile:
    """One run over all keys. `now` is in seconds since 1970."""

    def __init__(self, client: "DynamoDBClient", tables: Tables, now: float, reporter: Reporter) -> None:
        self._client = client
        self._tables = tables
        self._now = int(now)
        self._reporter = reporter
        self._roll_ups = RollUp(client, tables.usage, now)
        self._counts = dict.fromkeys(Outcome._fields, 0)

    def run(self) -> Outcome:
        """Look at every key.

        Raises:
            ClientError, BotoCoreError: the keys cannot be read.
        """
        pages = self._client.get_paginator("scan").paginate(TableName=self._tables.keys, ConsistentRead=True)
        for page in pages:
            for item in page["Items"]:
                self._reconcile(KeySnapshot.of(item))
        return Outcome(**self._counts)

    def _reconcile(self, key: KeySnapshot) -> None:
        """Take each step, whatever the others do."""
        steps = (
            self._close_holds,
            self._roll_up,
            self._roll_period,
            self._claim_alert,
            self._sweep_window,
        )
        failures = []
        for step in steps:
            try:
                step(key)
            except (ClientError, BotoCoreError, ValueError) as failure:
                self._reporter.failed(key.id, failure)
                failures.append(failure)
        self._counts["keys"] += 1
        self._counts["failed"] += bool(failures)

    def _close_holds(self, key: KeySnapshot) -> None:
        for call, holds in _group_by_call(key.holds).items():
            if ulid.milliseconds(call) + HOLD_LIFETIME_S * 1_000 <= self._now * 1_000:
                record = self._abandon(key.id, call, holds)
                for name, amount in holds.items():
                    # The record's cost is that of the hold that it names.
                    cost = record.cost if record.hold == name else 0
                    written = release_also_raised(self._writer(key), name, amount, cost)
                    self._counts["holds_released"] += written.applied

    def _abandon(self, key_id: str, call: str, holds: Mapping[str, int]) -> WinningRecord:
        """Put the record of a call that has none, at the amount of its largest hold, and return the record it has."""
        name, amount = max(holds.items(), key=lambda hold: hold[1])
        created = ulid.milliseconds(call) // 1_000
        record: dict[str, Plain | None] = {
            "pk": f"KEY#{key_id}",
            "sk": f"USE#{call}",
            "state": _ABANDONED,
            "hold": name,
            "created": created,
            "expires_at": created + self._tables.retention_days * _SECONDS_A_DAY,
            **({"cost": amount, "cost_currency": self._tables.currency} if amount else {"unpriced": _ABANDONED}),
        }
        applied, winner = put_record_item(self._client, self._tables.usage, to_item(record), ABSENT)
        self._counts["records_abandoned"] += applied
        return winner

    def _roll_up(self, key: KeySnapshot) -> None:
        summed, abandoned = self._roll_ups.run(key)
        self._counts["records_rolled_up"] += summed
        self._counts["records_abandoned"] += abandoned

    def _roll_period(self, key: KeySnapshot) -> None:
        if key.period and key.period_end is not None and key.period_end <= self._now:
            written = self._writer(key)(roll_period(key.period, self._now))
            self._counts["periods_rolled"] += written.applied

    def _claim_alert(self, key: KeySnapshot) -> None:
        """Tell an alert of which the call that caused it did not hear."""
        if alert := claim_alert(self._writer(key), key):
            self._reporter.alerted(key.id, alert)

    def _sweep_window(self, key: KeySnapshot) -> None:
        if stale := stale_counters(key, self._now):
            self._writer(key)(sweep_window(stale))

    def _writer(self, key: KeySnapshot) -> Callable[[Update], Written]:
        return lambda update: send_update(self._client, self._tables.keys, key.id, update)


def _group_by_call(holds: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return the holds by the ULID of their call."""
    calls: dict[str, dict[str, int]] = {}
    for name, amount in holds.items():
        calls.setdefault(name.partition(".")[0], {})[name] = amount
    return calls
