"""The execution environments of one function: one for each concurrent invocation, up to a limit."""

import asyncio
import logging

from qwen_gateway_cli.local.apigateway.environments import ExecutionEnvironment
from qwen_gateway_cli.local.apigateway.invocation import (
    FunctionFailed,
    FunctionResponse,
    Invocation,
    InvocationRejected,
)
from qwen_gateway_cli.local.apigateway.settings import GatewaySettings

_CLOSING = "the server is shutting down"

logger = logging.getLogger(__name__)


class FunctionPool:
    """Runs each invocation in its own environment.

    Invocations above the limit wait in order of arrival. With `reject_above_limit` they are rejected, as on Lambda.
    """

    def __init__(self, settings: GatewaySettings, function: str) -> None:
        self._settings = settings
        self._function = function
        self._slots = asyncio.Semaphore(settings.limit)
        self._environments: set[ExecutionEnvironment] = set()
        self._idle: list[ExecutionEnvironment] = []
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    async def invoke(self, invocation: Invocation, timeout_s: float) -> bytes:
        """Return the function's whole response.

        Raises:
            FunctionFailed: the function did not complete its response.
            InvocationRejected: the limit is reached.
            TimeoutError: the timeout passed. An invocation that still waited for a slot is never run; one that runs
                continues to its end, as on Lambda.
        """
        async with asyncio.timeout(timeout_s):
            response = await self.start_invocation(invocation, streams=False)
            return await response.read()

    async def start_invocation(self, invocation: Invocation, *, streams: bool) -> FunctionResponse:
        """Wait for a slot and start the invocation. The caller has to read or discard the response.

        Raises:
            FunctionFailed: the pool is closed.
            InvocationRejected: the limit is reached.
        """
        if self._settings.reject_above_limit and self._slots.locked():
            raise InvocationRejected
        await self._slots.acquire()
        if self._closed:
            self._slots.release()
            raise FunctionFailed(_CLOSING)
        response = FunctionResponse(streams=streams)
        response.posted.add_done_callback(self._log_failed_response)
        task = asyncio.create_task(self._run(invocation, response))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return response

    async def close(self) -> None:
        """Stop every process of the function; running and waiting invocations fail."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*(environment.stop() for environment in self._environments))

    async def _run(self, invocation: Invocation, response: FunctionResponse) -> None:
        # The response is closed only once the process is idle again. Otherwise a client's immediate next request would
        # find the process busy and start another one.
        try:
            environment = await self._take_environment()
            try:
                if not environment.is_alive:
                    await environment.start()
                await environment.invoke(invocation, response)
                self._idle.append(environment)
            except FunctionFailed as failure:
                if response.posted.done():
                    self._log_failure(failure)
                response.close(failure)
                await self._remove(environment)
        finally:
            response.close(FunctionFailed(_CLOSING))
            self._slots.release()

    async def _take_environment(self) -> ExecutionEnvironment:
        """Return the most recently used idle environment, or a new one that is not started."""
        while self._idle:
            if (environment := self._idle.pop()).is_alive:
                return environment
            await self._remove(environment)
        environment = ExecutionEnvironment(self._settings, self._function)
        self._environments.add(environment)
        return environment

    async def _remove(self, environment: ExecutionEnvironment) -> None:
        await environment.stop()
        self._environments.discard(environment)

    def _log_failed_response(self, posted: asyncio.Future[None]) -> None:
        if failure := posted.exception():
            self._log_failure(failure)

    def _log_failure(self, failure: BaseException) -> None:
        logger.error("%s: %s (more in %s.log)", self._function, failure, self._function)
