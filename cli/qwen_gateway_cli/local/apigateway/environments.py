"""An execution environment: one function process, and the emulated Runtime API that it connects to."""

import asyncio
import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from qwen_gateway_cli.local.apigateway.invocation import FunctionFailed, FunctionResponse, Invocation
from qwen_gateway_cli.local.apigateway.runtime_api import RuntimeApi
from qwen_gateway_cli.local.apigateway.settings import GatewaySettings

INIT_TIMEOUT_S = 30.0
"""Lambda allows 10 s; a small machine that starts ten processes at once may need more."""
STOP_TIMEOUT_S = 1.0
"""Seconds between SIGTERM and SIGKILL."""


class ExecutionEnvironment:
    """Runs one invocation at a time until its process ends."""

    def __init__(self, settings: GatewaySettings, function: str) -> None:
        self._settings = settings
        self._function = function
        self._timeout_s = settings.functions[function].timeout_s
        self._api = RuntimeApi()
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process and return when it asks for its first invocation.

        Raises:
            FunctionFailed: the process cannot start, or is not ready in time. The caller has to call `stop`.
        """
        address = await self._api.listen()
        try:
            self._process = await _start_process(self._settings, self._function, address)
        except OSError as error:
            raise FunctionFailed(f"its process cannot be started: {error}") from error
        self._exit = asyncio.ensure_future(self._process.wait())
        await self._wait_for(self._api.idle, time.monotonic() + INIT_TIMEOUT_S, f"not ready in {INIT_TIMEOUT_S:.0f} s")
        self._api.idle.result()

    async def invoke(self, invocation: Invocation, response: FunctionResponse) -> None:
        """Run an invocation; return when the process asks for the next one.

        Raises:
            FunctionFailed: the process ended, or exceeded the function's timeout. The caller has to call `stop`.
        """
        deadline = time.monotonic() + self._timeout_s
        message = f"timed out after {self._timeout_s} s"
        self._api.dispatch(invocation, int((time.time() + self._timeout_s) * 1000), response)
        await self._wait_for(response.posted, deadline, message)
        await self._wait_for(self._api.idle, deadline, message)

    async def stop(self) -> None:
        """Stop the process and close its Runtime API."""
        if self._process is not None:
            await _stop_process(self._process)
        await self._api.close()

    async def _wait_for(self, future: asyncio.Future[Any], deadline: float, timeout_message: str) -> None:
        """Wait for a future. Raises FunctionFailed when the process ends first, or the deadline passes."""
        futures: set[asyncio.Future[Any]] = {future, self._exit}
        remaining = max(0.0, deadline - time.monotonic())
        await asyncio.wait(futures, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return
        if self._exit.done():
            raise FunctionFailed(f"its process ended with status {self._exit.result()}")
        raise FunctionFailed(timeout_message)


async def _start_process(settings: GatewaySettings, function: str, runtime_api: str) -> asyncio.subprocess.Process:
    """Start a process of a function, as Lambda starts it, with the given Runtime API address.

    The process leads its own session: Ctrl-C on the terminal reaches only the server, which stops its processes.
    """
    with (Path(settings.logs) / f"{function}.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            settings.wrapper,
            settings.interpreter,
            cwd=settings.task_root,
            env=_build_environment(settings, function, runtime_api),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )


async def _stop_process(process: asyncio.subprocess.Process) -> None:
    """Send SIGTERM, then SIGKILL after the timeout, and return when the process has ended."""
    _send_signal(process, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    _send_signal(process, signal.SIGKILL)
    await process.wait()


def _send_signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _build_environment(settings: GatewaySettings, name: str, runtime_api: str) -> dict[str, str]:
    """Return the function's variables with Lambda's reserved variables, which take precedence."""
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
