"""Logger and metrics of a function. No prompt, no answer, no provider's message and no key ever goes through here."""

import functools

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit


@functools.cache
def logger() -> Logger:
    """The function's logger: JSON lines, level and service from the environment."""
    return Logger()


@functools.cache
def _metrics() -> Metrics:
    return Metrics()


def count(name: str) -> None:
    """Add one to a CloudWatch metric, written as an embedded-metric line of the log."""
    _metrics().add_metric(name=name, unit=MetricUnit.Count, value=1)
    _metrics().flush_metrics()
