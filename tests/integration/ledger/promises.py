"""The promises of docs/ledger.md, checked on the items of both tables after every single write.

Promise 7 is checked on what a refusal returned.
"""

from typing import Any, NamedTuple

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from qwen_gateway import ulid
from qwen_gateway.errors import (
    BudgetExhausted,
    ConcurrencyExceeded,
    InternalError,
    RequestLimitExceeded,
    TokenLimitExceeded,
)
from qwen_gateway.ledger import AdmissionRefused
from qwen_gateway.ledger.dynamodb import from_item
from qwen_gateway.ledger.key_snapshot import MOST_HOLDS
from tests.integration.emulated_aws import Aws

type Fields = dict[str, Any]
LARGEST_SKEW_S = 300
"""Seconds by which a clock is ahead of the true time, or behind it."""


class Exposure(NamedTuple):
    """What a call with a bound may be charged by providers, in pico-units."""

    ulid: str
    owed: int


class Promises:
    """The items of one key as of the last check, and the holds that were ever seen."""

    def __init__(self, aws: Aws, key_id: str) -> None:
        self._aws = aws
        self._id = key_id
        self.key: Fields = self._read_key()
        self.records: dict[str, Fields] = {}
        """By the ULID of the call."""
        self._seen: set[str] = set()

    def check(self, now: float, exposures: list[Exposure], refused: set[str]) -> None:
        """Compare the items with those before the last write.

        Args:
            now: the true time in seconds since 1970.
            exposures: of the calls that were admitted with a bound.
            refused: the ULIDs of calls that were refused without an unclear send.
        """
        before, self.key = self.key, self._read_key()
        self.records, rows = self._read_usage()
        self._check_days(rows)
        self._seen |= self.key.get("holds", {}).keys()
        if "remaining" not in self.key:
            return
        self._check_sums()
        for name in self._seen - self.key["holds"].keys():
            assert is_final(self.records.get(_call_of(name))), f"3: the hold {name} went before its record"
        for exposure in exposures:
            self._check_cover(exposure)
        assert not refused & set(map(_call_of, self.key["holds"])), "9: a refused call has a hold"
        if "remaining" in before:
            self._check_step(before, now)

    def _check_sums(self) -> None:
        key = self.key
        held = sum(key["holds"].values())
        assert key.get("budget", 0) == key["remaining"] + held + key["spent"], f"1: {key}"
        assert key["total"] >= 0 <= key["spent"]
        closed = sum(
            record.get("cost", 0)
            for record in self.records.values()
            if "hold" in record and record["hold"] not in key["holds"] and "adjustment" not in record
        )
        assert key["total"] + key["spent"] == closed, f"2: {closed} are the costs of closed calls: {key}"

    def _check_days(self, rows: list[Fields]) -> None:
        upto = max((row["upto"] for row in rows), default=0)
        rolled_up = [record for call, record in self.records.items() if ulid.milliseconds(call) < upto]
        models = [model for row in rows for model in row["models"]]
        requests = sum(sum(model.get("requests", {}).values()) for model in models)
        cost = sum(sum(model.get("cost", {}).values()) for model in models)
        expected = (len(rolled_up), sum(record.get("cost", 0) for record in rolled_up))
        assert (requests, cost) == expected, f"8: the days have {requests} records of {cost}, not {expected}"

    def _check_cover(self, exposure: Exposure) -> None:
        holds = [amount for name, amount in self.key["holds"].items() if _call_of(name) == exposure.ulid]
        record = self.records.get(exposure.ulid)
        if record and record.get("hold") not in self.key["holds"]:
            assert record.get("cost", 0) >= exposure.owed, f"5: the record does not cover {exposure.owed}: {record}"
        else:
            assert max(holds, default=0) >= exposure.owed, f"5: the holds {holds} do not cover {exposure.owed}"

    def _check_step(self, before: Fields, now: float) -> None:
        """Check what one write did to the key."""
        after = self.key
        warns = "warn" in {before.get("on_limit"), after.get("on_limit")}
        if "budget" in after and not warns:
            cut = max(0, before.get("budget", 0) - after["budget"])
            charged = after["spent"] + after["total"] - before["spent"] - before["total"]
            released = sum(before["holds"].values()) - sum(after["holds"].values())
            excess = max(0, charged - released) if charged > 0 else 0
            least = min(0, before["remaining"]) - cut - excess
            assert after["remaining"] >= least, f"4: remaining fell from {before['remaining']}: {after}"
        if len(after["holds"]) > len(before["holds"]):
            most = MOST_HOLDS if warns else after["concurrency"]
            assert len(after["holds"]) <= most, f"6: {len(after['holds'])} holds of {most}"
        has_new_period = before.get("period_end") != after.get("period_end") or before["total"] < after["total"]
        if has_new_period and before["version"] == after["version"]:
            assert before["period_end"] <= now + LARGEST_SKEW_S, "7: a period was rolled before its end"

    def _read_key(self) -> Fields:
        (key,) = [item for item in _read_table(self._aws.keys_table) if item["id"] == self._id]
        return key

    def _read_usage(self) -> tuple[dict[str, Fields], list[Fields]]:
        """Return the records by the ULID of their call, and the rows of the days."""
        items = _read_table(self._aws.usage_table)
        records = [item for item in items if item["sk"].startswith("USE#")]
        rows = [item for item in items if item["sk"].startswith("DAY#")]
        return {record["sk"].removeprefix("USE#"): record for record in records}, rows


def _read_table(name: str) -> list[Fields]:
    """Return all items from moto's memory, which takes a tenth of the time of a Scan."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].get_table(name)
    return [from_item(item.to_json()["Attributes"]) for item in table.all_items()]


def check_refusal(refused: AdmissionRefused) -> None:
    """Check that the cause of a refusal is true of the key that refused."""
    key, now, error = refused.snapshot, refused.now, refused.error
    assert not isinstance(error, InternalError), "the condition was refused without a cause"
    if key and isinstance(error, BudgetExhausted):
        assert key.remaining is not None
        assert key.remaining < refused.amount, "7: a call was refused that the budget covers"
        assert key.period_end is None or key.period_end > now, "7: refused in a period that is over"
    if key and isinstance(error, RequestLimitExceeded):
        assert key.rpm is not None
        assert key.requests(now) >= key.rpm
    if key and isinstance(error, TokenLimitExceeded):
        assert key.tpm is not None
        assert key.tokens(now) >= key.tpm
    if key and isinstance(error, ConcurrencyExceeded):
        assert len(key.holds) >= min(key.concurrency or MOST_HOLDS, MOST_HOLDS)


def is_final(record: Fields | None) -> bool:
    """Return whether there is a record that is not open."""
    return record is not None and record["state"] != "open"


def _call_of(hold: str) -> str:
    return hold.partition(".")[0]
