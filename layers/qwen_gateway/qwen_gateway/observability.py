"""Logger and metrics of a function. No prompt, no answer, no provider's message and no key ever goes through here.

Only failures are logged and counted, so Powertools is imported by the first of them and costs no cold start.
"""

import functools
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics


@functools.cache
def logger() -> "Logger":
    """The function's logger: JSON lines, level and service from the environment."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - see the head

    return Logger()


@functools.cache
def _metrics() -> "Metrics":
    from aws_lambda_powertools import Metrics  # noqa: PLC0415

    return Metrics()


def report(defect: Exception, request_id: str) -> None:
    """Log where an exception arose that nobody foresaw. Its words stay out: they may quote a prompt or a key."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(defect.__traceback__)]
    logger().error("defect", extra={"request_id": request_id, "error_type": type(defect).__name__, "frames": frames})


def count(name: str) -> None:
    """Add one to a CloudWatch metric, written as an embedded-metric line of the log."""
    _metrics().add_metric(name=name, unit="Count", value=1)
    _metrics().flush_metrics()
