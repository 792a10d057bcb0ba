"""Logging and metrics of a function. Prompts, completions, providers' messages and keys are never logged.

Only failures are logged and counted, so Powertools is imported with the first failure and adds nothing to a cold start.
"""

import functools
import logging
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics


def mute_third_party_loggers() -> None:
    """Replace the root logger's handlers by one that discards everything; the function's logger has its own handler.

    At level DEBUG botocore and the openai SDK log secrets and prompts. The mute holds for every configured level, and
    the discarding handler keeps `logging.basicConfig` in a library from adding another one.
    """
    logging.root.handlers[:] = [logging.NullHandler()]


@functools.cache
def logger() -> "Logger":
    """Return the function's logger: JSON lines, with level and service from the environment."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - see the module docstring

    return Logger()


@functools.cache
def _metrics() -> "Metrics":
    from aws_lambda_powertools import Metrics  # noqa: PLC0415 - see the module docstring

    return Metrics()


def report(error: Exception, request_id: str) -> None:
    """Log the type and the frames of an unhandled exception, without its message, which may quote a prompt or a key."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    extra = {"request_id": request_id, "error_type": type(error).__name__, "frames": frames}
    logger().error("unhandled exception", extra=extra)


def count(name: str) -> None:
    """Add 1 to a CloudWatch metric by writing a log line in the embedded metric format."""
    _metrics().add_metric(name=name, unit="Count", value=1)
    _metrics().flush_metrics()
