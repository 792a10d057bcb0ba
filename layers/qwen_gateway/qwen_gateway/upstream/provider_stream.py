"""The streamed response of one provider call: its events as they arrive, and the attempt that it was."""

from collections.abc import Iterator
from typing import NamedTuple

from qwen_gateway.errors import ProviderAnswerBroken, ProviderError
from qwen_gateway.routing import Target
from qwen_gateway.upstream.chunks import AnswerProgress, Chunk, parse_chunk
from qwen_gateway.upstream.outcome import Attempt, failed_attempt
from qwen_gateway.upstream.sse import EventParser, EventTooLarge
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Stopwatch
from qwen_gateway.upstream.transport import OpenStream

_DONE = b"[DONE]"


class Event(NamedTuple):
    """A chunk: the bytes that the provider sent, and their JSON."""

    data: bytes
    chunk: Chunk


class ProviderStream:
    """A target's response. Several threads may use it in turn, but not at the same time.

    Args:
        target: the provider and model that were called.
        stream: the open response.
        timeouts: the timeouts of this attempt.
        progress: the progress of the answer.
        stopwatch: started with the call.
    """

    def __init__(
        self,
        target: Target,
        stream: OpenStream,
        timeouts: AttemptTimeouts,
        progress: AnswerProgress,
        stopwatch: Stopwatch,
    ) -> None:
        self.target = target
        self.progress = progress
        self._stream = stream
        self._timeouts = timeouts
        self._stopwatch = stopwatch
        self._first_token_ms: int | None = None
        self._batches = self._read()
        self._buffered: list[list[Event]] = []

    def wait_for_first_token(self) -> None:
        """Read until the first output or the end of the answer; `batches` yields what was read first.

        Raises:
            ProviderError: the answer failed before.
        """
        while self._first_token_ms is None and (batch := next(self._batches, None)):
            self._buffered.append(batch)

    def batches(self) -> Iterator[list[Event]]:
        """Yield the events until the end of the answer; events that arrived together are in one list.

        Raises:
            ProviderError: the answer was cut off, failed, or violates the protocol.
        """
        while self._buffered:
            yield self._buffered.pop(0)
        yield from self._batches

    def finish(self) -> Attempt:
        """Release the connection, and return the successful attempt."""
        latency_ms = self._stopwatch.ms()
        self._stream.drain()
        return Attempt(self.target, "", 200, self._stream.request_id, latency_ms, self._first_token_ms, "billed")

    def abort(self, error: BaseException) -> Attempt:
        """Close the connection, and return the failed attempt."""
        self._stream.close()
        status, request_id = self._stream.status, self._stream.request_id
        if isinstance(error, ProviderError):
            error.status, error.request_id = status, request_id
        attempt = failed_attempt(self.target, error, self._stopwatch.ms())
        return attempt._replace(status=status, request_id=request_id, first_token_ms=self._first_token_ms)

    def _read(self) -> Iterator[list[Event]]:
        parser = EventParser()
        is_done = False
        for piece in self._pieces():
            batch: list[Event] = []
            failure: ProviderError | None = None
            try:
                is_done = self._parse(parser.feed(piece), batch)
            except ProviderError as error:
                failure = error
            except EventTooLarge:
                failure = ProviderAnswerBroken("an event of the stream has no end")
            if batch:
                yielded_at = self._stopwatch.seconds()
                yield batch
                self._timeouts.exclude(self._stopwatch.seconds() - yielded_at)
            if failure:
                raise failure
            if is_done:
                break
        if not (self.progress.is_finished if is_done else self.progress.is_complete):
            raise ProviderAnswerBroken("the answer ended without a finish_reason")

    def _pieces(self) -> Iterator[bytes]:
        try:
            yield from self._stream.pieces()
        except ProviderError:
            # A complete answer lacks only its usage, which is not worth a second call.
            if not self.progress.is_complete:
                raise

    def _parse(self, events: list[bytes], batch: list[Event]) -> bool:
        """Append the chunks of these events to the batch; return whether one of them ends the stream."""
        has_output = is_done = False
        for data in events:
            if is_done := data == _DONE:
                break
            chunk = parse_chunk(data)
            has_output = self.progress.add(chunk) or has_output
            batch.append(Event(data, chunk))
        if has_output:
            self._timeouts.record_output()
            if self._first_token_ms is None:
                self._first_token_ms = self._stopwatch.ms()
        if self.progress.is_complete:
            self._timeouts.await_usage()
        return is_done
