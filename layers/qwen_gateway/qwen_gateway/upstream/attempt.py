"""One attempt: one call to one target with the provider's key, and its response."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from qwen_gateway.config import NO_KEY, Configuration
from qwen_gateway.errors import InternalError, ProviderAnswerBroken, ProviderError, ProviderKeyRefused
from qwen_gateway.routing import Target
from qwen_gateway.upstream.framing import BodyParser, EventTooLarge
from qwen_gateway.upstream.operations import Event, Operation, Reader
from qwen_gateway.upstream.outcome import Attempt, AttemptFailed, failed_attempt
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Clock, Deadline, Stopwatch
from qwen_gateway.upstream.transport import Address, OpenResponse, Transport


class ProviderKeys(Protocol):
    """The source of the providers' API keys."""

    def key(self, provider: str, seconds: float) -> str:
        """Return the key of a provider within `seconds`, or raise DependencyFailed."""
        ...

    def reload_refused(self, provider: str, refused: str, seconds: float) -> bool:
        """Reload the keys, because the provider rejected one; return within `seconds` whether there is another now."""
        ...


class ProviderStream[AnyReader: Reader]:
    """A target's response. Several threads may use it in turn, but not at the same time.

    Args:
        target: the provider and model that were called.
        response: the open response.
        reader: reads its events.
        timeouts: the timeouts of this attempt.
        stopwatch: started with the call.
    """

    def __init__(
        self,
        target: Target,
        response: OpenResponse,
        reader: AnyReader,
        timeouts: AttemptTimeouts,
        stopwatch: Stopwatch,
    ) -> None:
        self.target = target
        self.reader = reader
        self._response = response
        self._timeouts = timeouts
        self._stopwatch = stopwatch
        self._first_token_ms: int | None = None
        self._is_ready = False
        self._batches = self._read()
        self._buffered: list[list[Event]] = []

    def wait_until_ready(self) -> None:
        """Read until the response to the client can start, or to the end; `batches` yields what was read.

        Raises:
            ProviderError: the answer failed before.
        """
        while not self._is_ready and (batch := next(self._batches, None)):
            self._buffered.append(batch)

    def batches(self) -> Iterator[list[Event]]:
        """Yield the events for the client until the end of the answer; events that arrived together are in one list.

        Raises:
            ProviderError: the answer was cut off, failed, or violates the protocol.
        """
        while self._buffered:
            yield self._buffered.pop(0)
        yield from self._batches

    def finish(self) -> Attempt:
        """Release the connection, and return the successful attempt."""
        latency_ms = self._stopwatch.ms()
        self._response.drain()
        return Attempt(self.target, "", 200, self._response.request_id, latency_ms, self._first_token_ms, "billed")

    def abort(self, error: BaseException) -> Attempt:
        """Close the connection, and return the failed attempt."""
        self._response.close()
        status, request_id = self._response.status, self._response.request_id
        if isinstance(error, ProviderError):
            error.status, error.request_id = status, request_id
        attempt = failed_attempt(self.target, error, self._stopwatch.ms())
        return attempt._replace(status=status, request_id=request_id, first_token_ms=self._first_token_ms)

    def _read(self) -> Iterator[list[Event]]:
        for events in self._events():
            batch: list[Event] = []
            failure: ProviderError | None = None
            try:
                self._read_events(events, batch)
            except ProviderError as error:
                failure = error
            if batch:
                yield batch
            if failure:
                raise failure
            if self.reader.is_over:
                break
        self.reader.finish()

    def _events(self) -> Iterator[list[bytes]]:
        """Yield the data of the events of each piece of the body."""
        parser = BodyParser()
        try:
            for piece in self._response.pieces():
                yield parser.feed(piece)
        except EventTooLarge:
            raise ProviderAnswerBroken("an event of the answer has no end") from None
        except ProviderError:
            # A complete answer lacks only its usage, which is not worth a second call.
            if not self.reader.is_complete:
                raise
        yield parser.end()

    def _read_events(self, events: list[bytes], batch: list[Event]) -> None:
        """Read these events, and append what the client gets of them to the batch."""
        reader, outputs = self.reader, self.reader.outputs
        for data in events:
            if event := reader.read(data):
                batch.append(event)
            if reader.is_over:
                break
        has_output = reader.outputs > outputs
        if has_output and self._first_token_ms is None:
            self._first_token_ms = self._stopwatch.ms()
        self._timeouts.record_read(has_output=has_output, is_complete=reader.is_complete)
        self._is_ready = reader.is_ready


class ProviderCall(NamedTuple):
    """A call to a target: the kind of call, the adapted body, and headers that the client sent for the provider."""

    target: Target
    operation: Operation
    body: Mapping[str, Any]
    headers: Mapping[str, str] = {}


class ProviderCaller:
    """Calls providers, each with its key."""

    def __init__(
        self, configuration: Configuration, keys: ProviderKeys, transport: Transport, clock: Clock = time.monotonic
    ) -> None:
        self._urls = {name: provider.urls for name, provider in configuration.providers.items()}
        self._needs_key = {name: provider.needs_key for name, provider in configuration.providers.items()}
        self._timeouts = configuration.timeouts
        self._keys = keys
        self._transport = transport
        self._clock = clock

    @contextmanager
    def open[AnyReader: Reader](
        self, call: ProviderCall, reader: AnyReader, deadline: Deadline
    ) -> Iterator[ProviderStream[AnyReader]]:
        """Call a target, and close the response if the block fails. After the block its rest can still be read.

        Raises:
            DependencyFailed: the provider's key is unavailable; the provider was not called.
            AttemptFailed: the call or the block failed.
        """
        stopwatch, target = Stopwatch(self._clock), call.target
        needs_key = self._needs_key[target.provider]
        key = self._keys.key(target.provider, deadline.remaining()) if needs_key else NO_KEY
        timeouts = AttemptTimeouts(deadline, self._timeouts, self._clock)
        stream: ProviderStream[AnyReader] | None = None
        try:
            response = self._transport.open(self._address(call), key, {**call.body, "model": target.model}, timeouts)
            stream = ProviderStream(target, response, reader, timeouts, stopwatch)
            yield stream
        except Exception as error:  # noqa: BLE001 - the provider may bill the call, whatever ended it
            attempt = stream.abort(error) if stream else failed_attempt(target, error, stopwatch.ms())
            if isinstance(error, ProviderError):
                has_new_key = self._has_new_key(target.provider, key, error, deadline)
                raise AttemptFailed(attempt, error, has_new_key=has_new_key) from None
            raise AttemptFailed(attempt, InternalError(error)) from None

    def _address(self, call: ProviderCall) -> Address:
        operation, urls = call.operation, self._urls[call.target.provider]
        family = operation.api_family
        return Address(family, urls[family], operation.path, call.headers, operation.method)

    def _has_new_key(self, provider: str, key: str, error: ProviderError, deadline: Deadline) -> bool:
        can_reload = isinstance(error, ProviderKeyRefused) and self._needs_key[provider]
        return can_reload and self._keys.reload_refused(provider, key, deadline.remaining())
