"""One call of a target while it is answered: events as they come, and what the call was in the end."""

from collections.abc import Iterator
from typing import NamedTuple

from qwen_gateway.errors import ProviderAnswerBroken, ProviderError
from qwen_gateway.routes import Target
from qwen_gateway.upstream.chunks import Chunk, chunk_of
from qwen_gateway.upstream.deadline import Patience, Stopwatch
from qwen_gateway.upstream.progress import Progress
from qwen_gateway.upstream.sse import EventParser, EventTooLarge
from qwen_gateway.upstream.transport import OpenStream

_DONE = b"[DONE]"


class Attempt(NamedTuple):
    """One call to a provider.

    `cause` is the class of its failure or empty, `status` the provider's HTTP status, `charged` says whether
    the provider bills it: `billed`, `presumed` (it may have run) or `none`.
    """

    target: Target
    cause: str
    status: int | None
    request_id: str | None
    latency_ms: int
    first_token_ms: int | None
    charged: str


def failed_attempt(target: Target, error: BaseException, latency_ms: int) -> Attempt:
    """Return what a call was that failed, by the provider's fault or by one of ours."""
    cause = type(error).__name__
    if not isinstance(error, ProviderError):
        return Attempt(target, cause, None, None, latency_ms, None, "presumed")
    charged = "presumed" if error.may_have_run else "none"
    return Attempt(target, cause, error.status, error.request_id, latency_ms, None, charged)


class Event(NamedTuple):
    """A chunk as the provider sent it, and what it says."""

    data: bytes
    chunk: Chunk


class Answering:
    """A target that has begun to answer. Threads may take turns with it, but not use it at once.

    Args:
        target: who was called.
        stream: what it answers.
        patience: the waits of this call.
        progress: knows how many answers were asked for.
        watch: runs since the call was made.
    """

    def __init__(
        self, target: Target, stream: OpenStream, patience: Patience, progress: Progress, watch: Stopwatch
    ) -> None:
        self.target = target
        self.progress = progress
        self._stream = stream
        self._patience = patience
        self._watch = watch
        self._first_token_ms: int | None = None
        self._batches = self._read()
        self._ahead: list[list[Event]] = []

    def reach_output(self) -> None:
        """Read until the model says something, or the answer is over; what was read comes first in `batches`.

        Raises:
            ProviderError: the answer failed before.
        """
        while self._first_token_ms is None and (batch := next(self._batches, None)):
            self._ahead.append(batch)

    def batches(self) -> Iterator[list[Event]]:
        """Yield the events, those together that arrived together, until the provider says that it is done.

        Raises:
            ProviderError: the answer was cut off, failed, or is not what the protocol allows.
        """
        while self._ahead:
            yield self._ahead.pop(0)
        yield from self._batches

    def answered(self) -> Attempt:
        """Give the connection back, and return what the call was: it succeeded."""
        latency_ms = self._watch.ms()
        self._stream.wind_up()
        return Attempt(self.target, "", 200, self._stream.request_id, latency_ms, self._first_token_ms, "billed")

    def failed(self, error: BaseException) -> Attempt:
        """Break the answer off, and return what the call was: it failed."""
        self._stream.close()
        status, request_id = self._stream.status, self._stream.request_id
        if isinstance(error, ProviderError):
            error.status, error.request_id = status, request_id
        attempt = failed_attempt(self.target, error, self._watch.ms())
        return attempt._replace(status=status, request_id=request_id, first_token_ms=self._first_token_ms)

    def _read(self) -> Iterator[list[Event]]:
        parser = EventParser()
        is_done = False
        for piece in self._pieces():
            batch: list[Event] = []
            failure: ProviderError | None = None
            try:
                is_done = self._take(parser.feed(piece), batch)
            except ProviderError as error:
                failure = error
            except EventTooLarge:
                failure = ProviderAnswerBroken("an event of the stream has no end")
            if batch:
                handed_over = self._watch.seconds()
                yield batch
                self._patience.pause(self._watch.seconds() - handed_over)
            if failure:
                raise failure
            if is_done:
                break
        if not (self.progress.finished if is_done else self.progress.complete):
            raise ProviderAnswerBroken("the answer ended without a finish_reason")

    def _pieces(self) -> Iterator[bytes]:
        try:
            yield from self._stream.pieces()
        except ProviderError:
            # A complete answer lacks nothing but its usage, and is not worth a second one.
            if not self.progress.complete:
                raise

    def _take(self, events: list[bytes], batch: list[Event]) -> bool:
        """Add the chunks to the batch; True when the stream says that it is over."""
        progressed = is_done = False
        for data in events:
            if is_done := data == _DONE:
                break
            chunk = chunk_of(data)
            progressed = self.progress.note(chunk) or progressed
            batch.append(Event(data, chunk))
        if progressed:
            self._patience.progress()
            if self._first_token_ms is None:
                self._first_token_ms = self._watch.ms()
        if self.progress.complete:
            self._patience.nearly_done()
        return is_done
