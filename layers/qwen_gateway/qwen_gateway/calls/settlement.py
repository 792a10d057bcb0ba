"""The end of an admitted call: its usage record, the release of its hold, and the metrics of both."""

import time
from contextlib import suppress
from typing import Any, Protocol

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
_WRITES = 3
"""The record, the release, and an alert."""


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

    def claim_alert(self, snapshot: KeySnapshot) -> Alert | None:
        """Return the alert of a key that has just spent 80 or 100 per cent of its budget."""
        ...


def settle(
    settlements: Settlements, admission: Admission, record: UsageRecord, ids: RequestIds, seconds_left: float
) -> None:
    """Write the record of a call and release its hold; failures are logged and never change the answer.

    `seconds_left` are those of the invocation: a killed function logs nothing, so the AWS client, whose timeouts and
    retries can outlast it, is left behind in time.
    """
    progress = _Progress()
    seconds = seconds_left - _LOSS_REPORT_S
    if seconds >= LONGEST_AWS_CALL_S * _WRITES:
        _write(settlements, admission, record, progress)
    else:
        BackgroundTask(lambda: _write(settlements, admission, record, progress)).wait(seconds)
    if not progress.is_recorded:
        extra = {**ids.log_fields(), "usage_record": record_fields(record)}
        observability.logger().error("usage record lost", extra=extra)
        metrics.count("usage_record_lost", ids)
    if progress.alert:
        _report_alert(progress.alert, record.key_id, ids)
    if admission.amount and (record.cost or 0) > admission.amount:
        metrics.count("bound_exceeded", ids)
    write_call_metrics(record, ids)


class _Progress:
    """What was written so far: the writes may go on in a thread after their time is over."""

    is_recorded = False
    alert: Alert | None = None


def _write(settlements: Settlements, admission: Admission, record: UsageRecord, progress: _Progress) -> None:
    """Write the record and release the hold. A hold that is not released waits for reconcile."""
    tokens = (record.usage.tokens_in or 0) + (record.usage.tokens_out or 0)
    with suppress(LedgerUnavailable):
        winner = settlements.put(admission, record)
        progress.is_recorded = True
        snapshot = settlements.release(admission, winner, tokens, int(time.time()))
        progress.alert = settlements.claim_alert(snapshot) if snapshot else None


def _report_alert(alert: Alert, key_id: str, ids: RequestIds) -> None:
    extra = {**ids.log_fields(), "key_id": key_id, **alert.log_fields()}
    observability.logger().warning("budget alert", extra=extra)
    metrics.count(alert.metric, ids)


_OWNER_METRICS = {failure.error.__name__: failure.http.code for failure in PROVIDER_FAILURES if failure.owner_metric}
"""The metrics of failures that only the owner can fix, by the cause of the attempt."""


def count_recovered_failures(outcome: Outcome[Any], ids: RequestIds) -> None:
    """Count the failures for the owner that the client does not see, because another target answered.

    The error of the response is counted with the response.
    """
    unseen = {attempt.cause for attempt in outcome.attempts} - {type(outcome.result).__name__}
    for cause in sorted(unseen & _OWNER_METRICS.keys()):
        metrics.count(_OWNER_METRICS[cause], ids)
