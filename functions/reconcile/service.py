"""One run over all keys, with its log lines and metrics. Neither names a token, and no metric names a key."""

import time
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError

from qwen_gateway.ledger import Alert
from qwen_gateway.ledger.reconcile import Outcome, Reconcile, Tables

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

METRICS = {
    "holds_released": "holds_released",
    "records_abandoned": "records_abandoned",
    "failed": "reconcile_failed",
}
"""The metric of each count of an outcome."""


class ReconcileService:
    """Runs reconcile."""

    def __init__(self, client: "DynamoDBClient", tables: Tables, logger: Logger, metrics: Metrics) -> None:
        self._client = client
        self._tables = tables
        self._logger = logger
        self._metrics = metrics

    def run(self) -> None:
        """Reconcile all keys, log what was done, and count it. A key that fails is left for the next run."""
        outcome = Reconcile(self._client, self._tables, time.time(), self).run()
        self._logger.info("reconciled", extra=outcome._asdict())
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        for field, metric in METRICS.items():
            if count := getattr(outcome, field):
                self._metrics.add_metric(name=metric, unit=MetricUnit.Count, value=count)

    def failed(self, key_id: str, failure: Exception) -> None:
        """Log the failure of a key."""
        code = failure.response["Error"]["Code"] if isinstance(failure, ClientError) else None
        extra = {"key_id": key_id, "error_type": type(failure).__name__, "code": code}
        self._logger.error("key not reconciled", extra=extra)

    def alerted(self, key_id: str, alert: Alert) -> None:
        """Log an alert, and count it."""
        self._logger.warning("budget alert", extra={"key_id": key_id, **alert.log_fields()})
        self._metrics.add_metric(name=alert.metric, unit=MetricUnit.Count, value=1)
