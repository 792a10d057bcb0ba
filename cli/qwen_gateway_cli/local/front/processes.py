"""The operating system's side of a function: one process, started as Lambda starts it."""

import asyncio
import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path

from qwen_gateway_cli.local.front.settings import FrontSettings

GRACE_S = 1.0
"""Seconds between asking a process to end and ending it."""


async def start(settings: FrontSettings, function: str, runtime_api: str) -> asyncio.subprocess.Process:
    """Start a process of a function that takes its calls from the given address.

    It leads a session of its own: Ctrl-C on the terminal reaches the front, which ends its processes in order.
    """
    with (Path(settings.logs) / f"{function}.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            settings.wrapper,
            settings.interpreter,
            cwd=settings.task_root,
            env=_environment(settings, function, runtime_api),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end, end it when it does not, and return when it is gone."""
    _signal(process, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), GRACE_S)
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _environment(settings: FrontSettings, name: str, runtime_api: str) -> dict[str, str]:
    """Return the function's variables and, above them, those that Lambda reserves for itself."""
    function = settings.functions[name]
    return function.environment | {
        "_HANDLER": function.handler,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "LAMBDA_TASK_ROOT": settings.task_root,
        "TZ": ":UTC",
    }
