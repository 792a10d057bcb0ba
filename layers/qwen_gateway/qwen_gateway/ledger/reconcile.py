"""Reconcile (docs/ledger.md): it closes what calls that ended early have left behind. Two runs at once do no harm.

A hold expires 1,500 s after the time in its ULID: the longest timeout of a function, and 600 s for clocks and late
writes. Sums of days are not part of it yet. So it finds open records without a watermark, in the last hour before those
that may still be running.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import BotoCoreError, ClientError

from qwen_gateway import ulid
from qwen_gateway.ledger.dynamodb import Item, Plain, from_item, is_condition_failure, to_item
from qwen_gateway.ledger.expressions import expressions
from qwen_gateway.ledger.periods import roll_period

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

HOLD_LIFETIME_S = 1_500
STALE_AFTER_S = 600
"""The age at which the counters of a minute are removed: the margin of the clocks."""
LOOKBACK_S = 3_600
"""How long before an expired call's earliest time open records are looked for: twelve runs of the schedule."""

_SECONDS_A_DAY = 86_400
_MAX_RELEASES = 5
"""Releases of one hold whose amount was raised meanwhile. A call raises its hold a few times at most."""


class Outcome(NamedTuple):
    """What a run did. `failed` are keys of which something is left for the next run."""

    keys: int = 0
    holds_released: int = 0
    records_abandoned: int = 0
    periods_rolled: int = 0
    failed: int = 0


class Tables(NamedTuple):
    """The names of the tables, and what a record that reconcile makes needs to know of the stack."""

    keys: str
    usage: str
    retention_days: int
    currency: str


class Reconcile:
    """One run over all keys. `now` is in seconds since 1970.

    `report` gets the id of a key that failed and the failure; the run goes on with the next key.
    """

    def __init__(
        self, client: "DynamoDBClient", tables: Tables, now: float, report: Callable[[str, Exception], None]
    ) -> None:
        self._client = client
        self._tables = tables
        self._now = int(now)
        self._report = report
        self._counts = dict.fromkeys(Outcome._fields, 0)

    def run(self) -> Outcome:
        """Look at every key.

        Raises:
            ClientError, BotoCoreError: the keys cannot be read.
        """
        pages = self._client.get_paginator("scan").paginate(TableName=self._tables.keys, ConsistentRead=True)
        for page in pages:
            for item in page["Items"]:
                self._reconcile(from_item(item))
        return Outcome(**self._counts)

    def _reconcile(self, key: Mapping[str, Any]) -> None:
        """Take each step, whatever the others do."""
        failures = []
        for step in (self._close_holds, self._abandon_open_records, self._roll_period, self._sweep_window):
            try:
                step(key)
            except (ClientError, BotoCoreError, ValueError) as failure:
                self._report(key["id"], failure)
                failures.append(failure)
        self._counts["keys"] += 1
        self._counts["failed"] += bool(failures)

    def _close_holds(self, key: Mapping[str, Any]) -> None:
        for call, holds in _group_by_call(key.get("holds", {})).items():
            if ulid.milliseconds(call) + HOLD_LIFETIME_S * 1_000 <= self._now * 1_000:
                record = self._abandon(key["id"], call, holds)
                for name, amount in holds.items():
                    self._release(key["id"], name, amount, record)

    def _abandon(self, key_id: str, call: str, holds: Mapping[str, int]) -> Mapping[str, Any]:
        """Put the record of a call that has none, at the amount of its largest hold, and return the record it has."""
        name, amount = max(holds.items(), key=lambda hold: hold[1])
        created = ulid.milliseconds(call) // 1_000
        record: dict[str, Plain | None] = {
            "pk": f"KEY#{key_id}",
            "sk": f"USE#{call}",
            "state": "abandoned",
            "hold": name,
            "created": created,
            "expires_at": created + self._tables.retention_days * _SECONDS_A_DAY,
        }
        if amount:
            record |= {"cost": amount, "cost_currency": self._tables.currency}
        else:
            record["unpriced"] = "abandoned"
        try:
            self._client.put_item(
                TableName=self._tables.usage,
                Item=to_item(record),
                **expressions({}, ConditionExpression="attribute_not_exists(#pk)"),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as failure:
            return _read_refusal(failure)
        self._counts["records_abandoned"] += 1
        return record

    def _release(self, key_id: str, name: str, amount: int, record: Mapping[str, Any]) -> None:
        """Release a hold: at the record's cost if the record names it, otherwise at 0."""
        cost = record.get("cost", 0) if record.get("hold") == name else 0
        for _ in range(_MAX_RELEASES):
            try:
                self._update_key(key_id, _release(name, amount, cost))
            except ClientError as failure:
                raised = _read_refusal(failure).get("holds", {}).get(name)
                if raised is None:
                    return
                amount = raised
            else:
                self._counts["holds_released"] += 1
                return
        raise ValueError("a hold has another amount at every attempt")

    def _abandon_open_records(self, key: Mapping[str, Any]) -> None:
        for record in self._find_open_records(key["id"]):
            try:
                self._client.update_item(
                    TableName=self._tables.usage,
                    Key=to_item({"pk": record["pk"], "sk": record["sk"]}),
                    **expressions(
                        {":abandoned": "abandoned", ":open": "open"},
                        UpdateExpression="SET #state = :abandoned, #unpriced = :abandoned",
                        ConditionExpression="#state = :open",
                    ),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as failure:
                _read_refusal(failure)
            else:
                self._counts["records_abandoned"] += 1

    def _find_open_records(self, key_id: str) -> Iterator[dict[str, Any]]:
        end = self._now - HOLD_LIFETIME_S
        parameters = expressions(
            {
                ":pk": f"KEY#{key_id}",
                ":first": f"USE#{ulid.earliest((end - LOOKBACK_S) * 1_000)}",
                ":last": f"USE#{ulid.earliest(end * 1_000)}",
                ":open": "open",
            },
            KeyConditionExpression="#pk = :pk AND #sk BETWEEN :first AND :last",
            FilterExpression="#state = :open",
            ProjectionExpression="#pk, #sk",
        )
        pages = self._client.get_paginator("query").paginate(
            TableName=self._tables.usage, ConsistentRead=True, **parameters
        )
        for page in pages:
            yield from map(from_item, page["Items"])

    def _roll_period(self, key: Mapping[str, Any]) -> None:
        if key.get("period_end", self._now + 1) > self._now:
            return
        try:
            self._update_key(key["id"], roll_period(key["period"], self._now))
        except ClientError as failure:
            _read_refusal(failure)
        else:
            self._counts["periods_rolled"] += 1

    def _sweep_window(self, key: Mapping[str, Any]) -> None:
        stale = [name for name in key.get("window", {}) if (int(name[1:]) + 1) * 60 <= self._now - STALE_AFTER_S]
        if not stale:
            return
        try:
            self._update_key(key["id"], _sweep_window(stale))
        except ClientError as failure:
            _read_refusal(failure)

    def _update_key(self, key_id: str, request: Mapping[str, Any]) -> None:
        self._client.update_item(
            TableName=self._tables.keys,
            Key=to_item({"id": key_id}),
            **request,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


def _release(name: str, amount: int, cost: int) -> dict[str, Any]:
    return expressions(
        {":back": amount - cost, ":cost": cost, ":amount": amount},
        {"#hold": name},
        UpdateExpression="SET #remaining = #remaining + :back, #spent = #spent + :cost REMOVE #holds.#hold",
        ConditionExpression="#holds.#hold = :amount",
    )


def _sweep_window(stale: Sequence[str]) -> dict[str, Any]:
    aliases = {f"#stale{number}": name for number, name in enumerate(stale)}
    return expressions(
        {},
        aliases,
        UpdateExpression="REMOVE " + ", ".join(f"#window.{alias}" for alias in aliases),
        ConditionExpression="attribute_exists(#window)",
    )


def _group_by_call(holds: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return the holds by the ULID of their call."""
    calls: dict[str, dict[str, int]] = {}
    for name, amount in holds.items():
        calls.setdefault(name.partition(".")[0], {})[name] = amount
    return calls


def _read_refusal(failure: ClientError) -> dict[str, Any]:
    """Return the item on which a refused write was judged; raise any other failure."""
    if not is_condition_failure(failure):
        raise failure
    return from_item(cast("Item", failure.response.get("Item", {})))
