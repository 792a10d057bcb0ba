"""A streamed answer on its way to the client, and its outcome."""

from collections.abc import Iterator, Mapping
from typing import Any

from qwen_gateway.errors import GatewayError, InternalError, ProviderError
from qwen_gateway.routing import Target
from qwen_gateway.upstream.attempt import ProviderStream
from qwen_gateway.upstream.operations import Event, RelayReader
from qwen_gateway.upstream.outcome import Attempt, Outcome, client_error
from qwen_gateway.upstream.retry import Cooldowns
from qwen_gateway.usage import Usage


class ClosedEarly(Exception):
    """The stream was closed before its end."""


class Relay:
    """An answer whose first output has arrived.

    Args:
        failed_attempts: the attempts before this one.
        stream: the provider's response.
        changes: the numbers that the target got in place of the client's, by field.
        model: the client's model name.
        cooldowns: where a failure of the target is recorded.
    """

    def __init__(
        self,
        failed_attempts: tuple[Attempt, ...],
        stream: ProviderStream[RelayReader],
        changes: Mapping[str, float],
        model: str,
        cooldowns: Cooldowns,
    ) -> None:
        self._failed_attempts = failed_attempts
        self._stream = stream
        self._changes = changes
        self._model = model
        self._cooldowns = cooldowns
        self._is_over = False
        self._outcome: Outcome[None] | None = None

    @property
    def target(self) -> Target:
        """The target that answers."""
        return self._stream.target

    @property
    def failed_attempts(self) -> tuple[Attempt, ...]:
        """The attempts before this one."""
        return self._failed_attempts

    @property
    def attempts(self) -> int:
        """The number of provider calls so far, this one included."""
        return len(self._failed_attempts) + 1

    def events(self) -> Iterator[list[Event]]:
        """Yield the events for the client; events that arrived together are in one list.

        Raises:
            GatewayError: the answer failed.
        """
        try:
            yield from self._stream.batches()
            self._is_over = True
        except ProviderError as error:
            attempt = self._stream.abort(error)
            self._cooldowns.record_failure(self.target, error)
            failure = client_error(error, self.target, self._model)
            self._end(failure, attempt)
            raise failure from None
        except Exception as error:
            internal_error = InternalError(error)
            self._end(internal_error, self._stream.abort(error))
            raise internal_error from error

    @property
    def usage(self) -> Usage | None:
        """The usage that the provider reported so far."""
        return self._stream.reader.usage

    def last_events(self, cost: Mapping[str, Any]) -> list[Event]:
        """Return what the client gets after the end of the answer; fields of the cost are added to the usage."""
        return self._stream.reader.last_events(cost)

    @property
    def final_event(self) -> Event:
        """The event that tells the client that the answer is complete."""
        return self._stream.reader.final_event

    def end(self) -> Outcome[None]:
        """Release the connection, or close it before the end of the events, and return the outcome.

        Its result is None if the answer was complete: the client has it.
        """
        if self._outcome:
            return self._outcome
        if self._is_over:
            return self._end(None, self._stream.finish())
        error = ClosedEarly()
        return self._end(InternalError(error), self._stream.abort(error))

    def _end(self, result: GatewayError | None, attempt: Attempt) -> Outcome[None]:
        usage = None if result else self._stream.reader.usage
        self._outcome = Outcome((*self._failed_attempts, attempt), result, usage, self._changes)
        return self._outcome
