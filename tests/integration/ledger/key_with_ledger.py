"""A key with its ledger at a fixed time, for one call whose writes fail as a test says."""

from typing import Any

import pytest

from qwen_gateway.ledger import (
    Admission,
    AdmissionRefused,
    Admissions,
    Caller,
    KeySnapshot,
    KeysTable,
    KnownKeys,
    Offer,
    Settlements,
    Terms,
    UsageLedger,
    token,
)
from qwen_gateway.ledger.dynamodb import from_item
from tests.builders import key_item
from tests.builders import token as new_token
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.flaky_client import FlakyClient

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
NOW = 1_790_000_042
MINUTE = f"r{NOW // 60}"
BOUND = 300


class FakePlan:
    """A call that may cost 300, or whatever the key's default output limit says."""

    needs_settings = False

    def terms(self, snapshot: KeySnapshot | None) -> Terms:
        if snapshot and snapshot.budget is None:
            return Terms(has_budget=False)
        default = snapshot.default_max_output if snapshot else 8_192
        return Terms(has_budget=True, amount=BOUND, default_max_output=default)

    def offer(self, terms: Terms | None) -> Offer:
        return Offer(terms.amount if terms else 0, "USD", lambda _left: 0)


class Ledger:
    """A key with its ledger, at a fixed time."""

    def __init__(self, aws: Aws, **fields: Any) -> None:
        self._aws = aws
        self.token = new_token()
        self.id = token.parse(self.token).id
        self.client = FlakyClient(aws.dynamodb)
        self.put_key(**fields)
        table = KeysTable(aws.dynamodb, self.client, aws.keys_table)  # type: ignore[arg-type]
        self.records = UsageLedger(aws.dynamodb, aws.usage_table, 400)
        self.settlements = Settlements(table, self.records)
        self.admissions = Admissions(table, KnownKeys(), clock=lambda: NOW + 0.5, sleep=lambda _: None)
        self.plan = FakePlan()

    def put_key(self, **fields: Any) -> None:
        self._aws.dynamodb.put_item(TableName=self._aws.keys_table, Item=key_item(self.token, **fields))

    def admit(self, *faults: Any, seconds: float = 60) -> Admission:
        self.client.faults = iter(faults)
        caller = Caller(self.id, token.digest(self.token), ULID, "qwen-plus")
        return self.admissions.admit(caller, self.plan, lambda: seconds)

    def refuse(self, *faults: Any, seconds: float = 60) -> AdmissionRefused:
        with pytest.raises(AdmissionRefused) as refused:
            self.admit(*faults, seconds=seconds)
        return refused.value

    @property
    def item(self) -> dict[str, Any]:
        key = {"id": {"S": self.id}}
        return from_item(self._aws.dynamodb.get_item(TableName=self._aws.keys_table, Key=key)["Item"])

    @property
    def holds(self) -> dict[str, int]:
        return self.item["holds"]

    def is_balanced(self) -> bool:
        item = self.item
        return item["budget"] == item["remaining"] + sum(item["holds"].values()) + item["spent"]
