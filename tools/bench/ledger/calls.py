"""Calls on the ledger alone: admitted and settled by the function's code, without a provider."""

import time
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from qwen_gateway import ulid
from qwen_gateway.ledger import (
    Admission,
    Admissions,
    AttemptRecord,
    Caller,
    KeySnapshot,
    KeysTable,
    KnownKeys,
    Offer,
    Settlements,
    Terms,
    UsageLedger,
    UsageRecord,
    token,
)
from qwen_gateway.usage import Usage
from qwen_gateway_cli.aws_clients import LOCAL_KEY, LOCAL_REGION
from tools.bench.ledger.emulation import KEYS, TABLES, USAGE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_MODEL = "qwen-plus"
_PATIENT_S = 60
"""Read timeout: a thousand calls at once wait for an emulator that answers one after the other."""


class FixedPlan:
    """A call that may cost `bound` pico-units."""

    needs_settings = False

    def __init__(self, bound: int) -> None:
        self._bound = bound

    def terms(self, snapshot: KeySnapshot | None) -> Terms:
        """Return the terms for a key that has, or may have, a budget."""
        has_budget = snapshot is None or snapshot.budget is not None
        return Terms(has_budget, self._bound if has_budget else 0)

    def offer(self, terms: Terms | None) -> Offer:
        """Return what the call asks of the budget."""
        return Offer(terms.amount if terms else 0, TABLES.currency, lambda _left: 0)


class LedgerCalls:
    """Admits and settles calls, from any number of threads."""

    def __init__(self, endpoint: str, bound: int, connections: int = 50) -> None:
        client = create_client(endpoint, connections, attempts=3)
        table = KeysTable(client, create_client(endpoint, connections, attempts=1), KEYS)
        self._plan = FixedPlan(bound)
        self._admissions = Admissions(table, KnownKeys())
        self._settlements = Settlements(table, UsageLedger(client, USAGE, TABLES.retention_days))

    def admit(self, text: str) -> Admission:
        """Admit a call with an API key, or raise AdmissionRefused."""
        caller = Caller(token.parse(text).id, token.digest(text), ulid.new(time.time_ns() // 10**6), _MODEL)
        return self._admissions.admit(caller, self._plan, lambda: _PATIENT_S)

    def settle(self, admission: Admission, cost: int) -> None:
        """Write the record of an admitted call, and release its hold."""
        assert admission.hold  # noqa: S101 - the keys of these calls have a budget
        winner = self._settlements.put(admission, _record(admission, admission.hold, cost))
        self._settlements.release(admission, winner, 15, admission.now)


def create_client(endpoint: str, connections: int, attempts: int) -> "DynamoDBClient":
    """Return a client of the emulated DynamoDB for many threads."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        read_timeout=_PATIENT_S,
        max_pool_connections=connections,
        parameter_validation=False,
        proxies={},
    )
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=LOCAL_REGION,
        aws_access_key_id=LOCAL_KEY,
        aws_secret_access_key=LOCAL_KEY,
        config=config,
    )


def _record(admission: Admission, hold: str, cost: int) -> UsageRecord:
    attempt = AttemptRecord(provider="dashscope", model=_MODEL, charged="billed", latency_ms=410, http_status=200)
    return UsageRecord(
        id=hold.partition(".")[0],
        key_id=admission.snapshot.id,
        created=admission.now,
        model_asked=_MODEL,
        streamed=False,
        status=200,
        outcome="answered",
        latency_ms=420,
        model_used=_MODEL,
        provider="dashscope",
        attempts=(attempt,),
        usage=Usage(tokens_in=12, tokens_out=3),
        cost=cost,
        cost_currency=TABLES.currency,
        hold=hold,
    )
