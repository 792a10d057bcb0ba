"""An execution environment: one function process and the Runtime API that it talks to."""

import asyncio
import time
from typing import Any

from qwen_gateway_cli.local.front import processes
from qwen_gateway_cli.local.front.output import FunctionFailed, Output
from qwen_gateway_cli.local.front.runtime_api import Call, RuntimeApi
from qwen_gateway_cli.local.front.settings import FrontSettings

INIT_LIMIT_S = 30.0
"""Lambda allows 10 s; a small machine that starts ten processes at once may need more."""


class Environment:
    """Serves one call at a time, until its process ends."""

    def __init__(self, settings: FrontSettings, function: str) -> None:
        self._settings = settings
        self._function = function
        self._timeout_s = settings.functions[function].timeout_s
        self._api = RuntimeApi()
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def lives(self) -> bool:
        """Whether it can take a call."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process and return when it asks for its first call.

        Raises FunctionFailed when it does not; whatever was started has to be stopped then.
        """
        address = await self._api.listen()
        try:
            self._process = await processes.start(self._settings, self._function, address)
        except OSError as error:
            raise FunctionFailed(f"its process cannot be started: {error}") from error
        self._exit = asyncio.ensure_future(self._process.wait())
        await self._until(self._api.idle, time.monotonic() + INIT_LIMIT_S, f"not ready after {INIT_LIMIT_S:.0f} s")
        self._api.idle.result()

    async def serve(self, call: Call, output: Output) -> None:
        """Let the process answer a call; return when it asks for the next one.

        Raises FunctionFailed when the process ends or outlives the function's timeout: it has to be stopped then.
        """
        limit = time.monotonic() + self._timeout_s
        timed_out = f"timed out after {self._timeout_s} s"
        self._api.hand_over(call, int((time.time() + self._timeout_s) * 1000), output)
        await self._until(output.posted, limit, timed_out)
        await self._until(self._api.idle, limit, timed_out)

    async def stop(self) -> None:
        """End the process and close its Runtime API."""
        if self._process is not None:
            await processes.stop(self._process)
        await self._api.close()

    async def _until(self, awaited: asyncio.Future[Any], limit: float, complaint: str) -> None:
        """Wait until something is done. Raises FunctionFailed when the process ends before, or the limit passes."""
        either: set[asyncio.Future[Any]] = {awaited, self._exit}
        remaining = max(0.0, limit - time.monotonic())
        await asyncio.wait(either, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        if awaited.done():
            return
        if self._exit.done():
            raise FunctionFailed(f"its process ended with status {self._exit.result()}")
        raise FunctionFailed(complaint)
