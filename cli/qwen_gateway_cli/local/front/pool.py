"""The environments of one function: as many as calls run side by side, up to a limit."""

import asyncio
import logging

from qwen_gateway_cli.local.front.environments import Environment
from qwen_gateway_cli.local.front.runtime_api import Call, FunctionFailed
from qwen_gateway_cli.local.front.settings import FrontSettings

logger = logging.getLogger(__name__)


class Pool:
    """Gives each call an environment of its own; calls above the limit wait in order."""

    def __init__(self, settings: FrontSettings, function: str) -> None:
        self._settings = settings
        self._function = function
        self._places = asyncio.Semaphore(settings.limit)
        self._environments: set[Environment] = set()
        self._idle: list[Environment] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def invoke(self, call: Call, patience_s: float) -> bytes:
        """Return the function's answer.

        Raises FunctionFailed, and TimeoutError when the caller's patience ends first: a call that waited until then
        is never run, and one that runs goes on to its end, as on Lambda.
        """
        async with asyncio.timeout(patience_s):
            await self._places.acquire()
            if self._closed:
                self._places.release()
                raise FunctionFailed("the front is closing")
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(self._log)
            serving = asyncio.create_task(self._serve(call, answer))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)
            return await asyncio.shield(answer)

    async def close(self) -> None:
        """End every process of the function; calls that run or wait fail."""
        self._closed = True
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.gather(*(environment.stop() for environment in self._environments))

    async def _serve(self, call: Call, answer: asyncio.Future[bytes]) -> None:
        try:
            environment = await self._ready()
            try:
                if not environment.lives:
                    await environment.start()
                await environment.serve(call, answer)
                self._idle.append(environment)
            except FunctionFailed as failure:
                if not answer.done():
                    answer.set_exception(failure)
                await self._discard(environment)
        finally:
            if not answer.done():
                answer.set_exception(FunctionFailed("the front is closing"))
            self._places.release()

    async def _ready(self) -> Environment:
        """Return the environment that was busy last, or a new one that has not started."""
        while self._idle:
            if (environment := self._idle.pop()).lives:
                return environment
            await self._discard(environment)
        environment = Environment(self._settings, self._function)
        self._environments.add(environment)
        return environment

    async def _discard(self, environment: Environment) -> None:
        await environment.stop()
        self._environments.discard(environment)

    def _log(self, answer: asyncio.Future[bytes]) -> None:
        if failure := answer.exception():
            logger.error("%s: %s (more in %s.log)", self._function, failure, self._function)
