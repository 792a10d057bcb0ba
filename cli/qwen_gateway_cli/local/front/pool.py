"""The environments of one function: as many as calls run side by side, up to a limit."""

import asyncio
import logging

from qwen_gateway_cli.local.front.environments import Environment
from qwen_gateway_cli.local.front.output import FunctionFailed, Output
from qwen_gateway_cli.local.front.runtime_api import Call
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
        """Return the function's whole answer.

        Raises FunctionFailed, and TimeoutError when the caller's patience ends first: a call that waited until then
        is never run, and one that runs goes on to its end, as on Lambda.
        """
        async with asyncio.timeout(patience_s):
            output = await self.begin(call, streams=False)
            return await output.whole()

    async def begin(self, call: Call, *, streams: bool) -> Output:
        """Wait for a place and start the call; its output has to be read, or abandoned. Raises FunctionFailed."""
        await self._places.acquire()
        if self._closed:
            self._places.release()
            raise FunctionFailed("the front is closing")
        output = Output(streams=streams)
        output.posted.add_done_callback(self._log)
        serving = asyncio.create_task(self._serve(call, output))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        return output

    async def close(self) -> None:
        """End every process of the function; calls that run or wait fail."""
        self._closed = True
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.gather(*(environment.stop() for environment in self._environments))

    async def _serve(self, call: Call, output: Output) -> None:
        # Until the process is idle again the reader does not learn of the end: a client that calls back at once would
        # find it busy, and start another one.
        try:
            environment = await self._ready()
            try:
                if not environment.lives:
                    await environment.start()
                await environment.serve(call, output)
                self._idle.append(environment)
            except FunctionFailed as failure:
                if output.posted.done():
                    self._say(failure)
                output.close(failure)
                await self._discard(environment)
        finally:
            output.close(FunctionFailed("the front is closing"))
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

    def _log(self, posted: asyncio.Future[None]) -> None:
        if failure := posted.exception():
            self._say(failure)

    def _say(self, failure: BaseException) -> None:
        logger.error("%s: %s (more in %s.log)", self._function, failure, self._function)
