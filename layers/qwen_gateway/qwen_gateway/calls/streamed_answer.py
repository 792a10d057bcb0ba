"""The events of a streamed answer, and the settlement at their end."""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from qwen_gateway import observability
from qwen_gateway.api import HttpRequest, count
from qwen_gateway.calls.admitted_call import AdmittedCall
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.call_cost import CallCost, usage_fields
from qwen_gateway.errors import GatewayError, InternalError
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Outcome, Relay

type OnAnswer = Callable[[Target, Mapping[str, Any], float], None]
"""Called after the settlement with the target that answered, with the answer, or the last event of its stream, and with
the seconds left; the client gets the end of its answer only then."""


def ignore_answer(_target: Target, _answer: Mapping[str, Any], _seconds_left: float) -> None:
    """Do nothing with an answer."""


class StreamedAnswer:
    """The answer to an admitted call, as events for its client.

    Args:
        request: the client's request, which decides the form of the events.
        admitted: the call.
        task: opens the answer.
        seconds_left: returns the seconds until the end of the invocation.
        retires_soon: returns whether the model that answers is retired soon.
        on_answer: called with the last event of a complete answer.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the end of a stream depends on
        self,
        request: HttpRequest,
        admitted: AdmittedCall,
        task: BackgroundTask[Outcome[Relay]],
        seconds_left: Callable[[], float],
        retires_soon: Callable[[Outcome[None]], bool],
        on_answer: OnAnswer,
    ) -> None:
        self._ids = request.ids
        self._wire = request.wire
        self._admitted = admitted
        self._task = task
        self._seconds_left = seconds_left
        self._retires_soon = retires_soon
        self._on_answer = on_answer

    def events(self) -> Iterator[bytes]:
        """Yield the events of the response. They are read to the end even if the client left, so the usage is exact.

        The final event follows the settlement, so that a client which calls again at once meets a free slot.
        """
        outcome = self._task.result()
        relay = outcome.result
        if isinstance(relay, GatewayError):
            try:
                yield self._encode_error(relay)
            finally:
                self._settle(Outcome(outcome.attempts, relay, None, outcome.changes), None)
            return
        cost: CallCost | None = None
        try:
            cost = yield from self._relay(relay)
        finally:
            self._settle(relay.end(), cost)
        if cost:
            self._on_answer(relay.target, relay.final_event.chunk, self._seconds_left())
            yield self._wire.encode_events([relay.final_event])

    def _relay(self, relay: Relay) -> Generator[bytes, None, CallCost | None]:
        """Yield the events of an answer, and return its cost, None if it failed."""
        try:
            for batch in relay.events():
                yield self._wire.encode_events(batch)
        except GatewayError as error:
            if isinstance(error, InternalError):
                observability.report(error.cause, self._ids)
            yield self._encode_error(error)
            return None
        cost = self._admitted.price(relay.end())
        if last := relay.last_events(usage_fields(cost.cost)):
            yield self._wire.encode_events(last)
        return cost

    def _encode_error(self, error: GatewayError) -> bytes:
        """Return the event for an error after the start of the response, and count the error."""
        count(error, self._ids)
        return self._wire.encode_error(error, self._ids)

    def _settle(self, ended: Outcome[None], cost: CallCost | None) -> None:
        self._admitted.settle(
            ended,
            self._seconds_left(),
            cost=cost,
            response_started=True,
            retires_soon=self._retires_soon(ended),
        )
