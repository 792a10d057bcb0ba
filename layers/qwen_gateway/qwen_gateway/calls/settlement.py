"""The end of an admitted call: its usage record, the release of its hold, and the metrics of both."""

import time
from typing import Any, NamedTuple, Protocol

from qwen_gateway import metrics, observability
from qwen_gateway.aws import LONGEST_AWS_CALL_S
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.call_metrics import write_call_metrics
from qwen_gateway.errors import LedgerUnavailable
from qwen_gateway.ledger import Admission, Alert, KeySnapshot, UsageRecord, WinningRecord, record_fields
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.upstream import Outcome

_LOSS_REPORT_S = 0.75
"""Seconds of an invocation that are kept back to log a record that could not be written."""


class Settlements(Protocol):
    """The ledger's writes at the end of a call. Each raises LedgerUnavailable if DynamoDB failed."""

    def open(self, record: UsageRecord) -> None:
        """Put the open record of a call without a hold."""
        ...

    def raise_hold(self, admission: Admission, new: int) -> Admission | None:
        """Hold more; None if that was refused."""
        ...

    def put(self, admission: Admission, record: UsageRecord) -> WinningRecord:
        """Put the record of a call, and return the one that counts."""
        ...

    def release(self, admission: Admission, winner: WinningRecord, tokens: int, now: int) -> KeySnapshot | None:
        """Give the hold back, and return the key's item; None without one."""
        ...

    def release_unclear(self, record: UsageRecord, holds: tuple[str, ...], amount: int) -> None:
        """Put the record of a call that called no provider, and release all that its sends may have held."""
        ...

    def mark_alert(self, snapshot: KeySnapshot) -> Alert | None:
        """Return the alert of a key that has just spent 80 or 100 per cent of its budget."""
        ...


class _Settled(NamedTuple):
    winner: WinningRecord
    alert: Alert | None = None


def settle(
    settlements: Settlements, admission: Admission, record: UsageRecord, ids: RequestIds, seconds_left: float
) -> None:
    """Write the record of a call and release its hold; failures are logged and never change the answer.

    `seconds_left` are those of the invocation: a killed function logs nothing, so the AWS client, whose timeouts and
    retries can outlast it, is left behind in time.
    """

    def write() -> _Settled | None:
        return _write(settlements, admission, record)

    seconds = seconds_left - _LOSS_REPORT_S
    is_enough = seconds >= LONGEST_AWS_CALL_S * (2 if admission.hold else 1)
    settled = write() if is_enough else BackgroundTask(write).wait(seconds)
    if settled is None:
        extra = {**ids.log_fields(), "usage_record": record_fields(record)}
        observability.logger().error("usage record lost", extra=extra)
        metrics.count("usage_record_lost", ids)
    elif settled.alert:
        _report_alert(settled.alert, record.key_id, ids)
    if admission.amount and (record.cost or 0) > admission.amount:
        metrics.count("bound_exceeded", ids)
    write_call_metrics(record, ids)


def _write(settlements: Settlements, admission: Admission, record: UsageRecord) -> _Settled | None:
    """Return None if the record could not be written. A hold that is not released waits for reconcile."""
    try:
        winner = settlements.put(admission, record)
    except LedgerUnavailable:
        return None
    tokens = (record.usage.tokens_in or 0) + (record.usage.tokens_out or 0)
    try:
        snapshot = settlements.release(admission, winner, tokens, int(time.time()))
        return _Settled(winner, settlements.mark_alert(snapshot) if snapshot else None)
    except LedgerUnavailable:
        return _Settled(winner)


def _report_alert(alert: Alert, key_id: str, ids: RequestIds) -> None:
    fields = {"key_id": key_id, "percent": alert.level, "budget": alert.budget, "spent": alert.spent}
    observability.logger().warning("budget alert", extra={**ids.log_fields(), **fields})
    metrics.count(f"budget_spent_{alert.level}", ids)


_OWNER_METRICS = {failure.error.__name__: failure.http.code for failure in PROVIDER_FAILURES if failure.owner_metric}
"""The metrics of failures that only the owner can fix, by the cause of the attempt."""


def count_recovered_failures(outcome: Outcome[Any], ids: RequestIds) -> None:
    """Count the failures for the owner that the client does not see, because another target answered.

    The error of the response is counted with the response.
    """
    unseen = {attempt.cause for attempt in outcome.attempts} - {type(outcome.result).__name__}
    for cause in sorted(unseen & _OWNER_METRICS.keys()):
        metrics.count(_OWNER_METRICS[cause], ids)
