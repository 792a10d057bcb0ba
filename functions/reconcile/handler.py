"""The function that EventBridge starts every five minutes."""

import warnings
from typing import Any

import boto3
from aws_lambda_powertools import Metrics
from botocore.config import Config

from qwen_gateway.config import configuration, environment
from qwen_gateway.ledger.reconcile import Tables
from qwen_gateway.observability import logger, mute_third_party_loggers
from reconcile.service import ReconcileService

mute_third_party_loggers()
# A run that finds nothing emits no metric, because CloudWatch charges for each hour in which a metric has values.
warnings.filterwarnings("ignore", message="No application metrics to publish")
# boto3 has every operation; the clients of qwen_gateway.aws have only those of the functions behind the API.
_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_metrics = Metrics()
_tables = Tables(
    keys=environment().keys_table,
    usage=environment().usage_table,
    retention_days=environment().usage_retention_days,
    currency=configuration().accounting.currency,
)
_service = ReconcileService(boto3.client("dynamodb", config=_CONFIG), _tables, logger(), _metrics)


@logger().inject_lambda_context
@_metrics.log_metrics
def lambda_handler(_event: dict[str, Any], _context: Any) -> None:
    """Reconcile all keys once."""
    _service.run()
