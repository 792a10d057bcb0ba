"""Logging of a function. Prompts, completions, providers' messages and keys are never logged.

Only failures are logged, so Powertools is imported with the first failure and adds nothing to a cold start.
"""

import functools
import logging
import traceback
from typing import TYPE_CHECKING

from qwen_gateway.request_ids import RequestIds

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


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


def report(error: Exception, ids: RequestIds | None = None) -> None:
    """Log the type and the frames of an unhandled exception, without its message, which may quote a prompt or a key."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    extra = {**(ids.log_fields() if ids else {}), "error_type": type(error).__name__, "frames": frames}
    logger().error("unhandled exception", extra=extra)
