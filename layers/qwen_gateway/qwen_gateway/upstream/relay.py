"""A streamed answer on its way to the client, and its outcome."""

from collections.abc import Callable, Iterator
from typing import Any

from qwen_gateway.errors import GatewayError, InternalError, ProviderError
from qwen_gateway.routing import Target
from qwen_gateway.upstream.chunk_normalizer import ChunkNormalizer
from qwen_gateway.upstream.outcome import Attempt, Outcome
from qwen_gateway.upstream.provider_stream import Event, ProviderStream


class ClosedEarly(Exception):
    """The stream was closed before its end."""


class Relay:
    """An answer whose first output has arrived.

    Args:
        failed_attempts: the attempts before this one.
        stream: the provider's response.
        capped_max_tokens: the output cap in tokens that the target got, if the client asked for more.
        on_failure: called with an error of the provider; returns the error for the client.
    """

    def __init__(
        self,
        failed_attempts: tuple[Attempt, ...],
        stream: ProviderStream,
        capped_max_tokens: int | None,
        on_failure: Callable[[ProviderError], GatewayError],
    ) -> None:
        self._failed_attempts = failed_attempts
        self._stream = stream
        self._capped_max_tokens = capped_max_tokens
        self._on_failure = on_failure
        self._normalizer = ChunkNormalizer()
        self._is_over = False
        self._outcome: Outcome[dict[str, Any]] | None = None

    @property
    def target(self) -> Target:
        """The target that answers."""
        return self._stream.target

    @property
    def attempts(self) -> int:
        """The number of provider calls so far, this one included."""
        return len(self._failed_attempts) + 1

    @property
    def usage(self) -> Event | None:
        """The usage chunk, available after the events; None if the provider reports no usage."""
        return self._normalizer.usage

    def events(self) -> Iterator[list[Event]]:
        """Yield the events for the client without the usage; events that arrived together are in one list.

        Raises:
            GatewayError: the answer failed.
        """
        try:
            for batch in self._stream.batches():
                if normalized := self._normalizer.normalize(batch):
                    yield normalized
            self._is_over = True
        except ProviderError as error:
            attempt = self._stream.abort(error)
            client_error = self._on_failure(error)
            self._end(client_error, attempt)
            raise client_error from None
        except Exception as error:
            internal_error = InternalError(error)
            self._end(internal_error, self._stream.abort(error))
            raise internal_error from error

    def end(self) -> Outcome[dict[str, Any]]:
        """Release the connection, or close it before the end of the events, and return the outcome.

        The result of a complete answer contains only its `usage`.
        """
        if self._outcome:
            return self._outcome
        if self._is_over:
            usage = self._stream.progress.usage
            return self._end({"usage": usage} if usage else {}, self._stream.finish())
        error = ClosedEarly()
        return self._end(InternalError(error), self._stream.abort(error))

    def _end(self, result: dict[str, Any] | GatewayError, attempt: Attempt) -> Outcome[dict[str, Any]]:
        self._outcome = Outcome((*self._failed_attempts, attempt), result, self._capped_max_tokens)
        return self._outcome
