"""The metered call: authenticate the client's key, run the attempts, write one usage record."""

from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from qwen_gateway import metrics, observability
from qwen_gateway.api import (
    DONE,
    MAX_IDLE_S,
    EventStreamResponse,
    HttpRequest,
    JsonResponse,
    api_key_token,
    client_read_timeout,
    encode_events,
    error_event,
    requested_timeout,
)
from qwen_gateway.aws import LONGEST_AWS_CALL_S
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.call_cost import Prices, add_cost, price_answer, price_call, usage_fields
from qwen_gateway.calls.call_metrics import write_call_metrics
from qwen_gateway.calls.response_headers import build_response_headers
from qwen_gateway.calls.usage_record import Call, CallStart, build_usage_record
from qwen_gateway.catalog import Retirement
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, InternalError, LedgerUnavailable
from qwen_gateway.ledger import ApiKey, UsageRecord, record_fields
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, BeforeAttempt, Deadline, Outcome, Relay, RoutedRequest
from qwen_gateway.upstream.operations import Operation, StreamingOperation

_LOSS_REPORT_S = 0.75
"""Seconds of an invocation that are kept back to log a record that could not be written."""


class ApiKeys(Protocol):
    """The clients' API keys."""

    def check_format(self, token_text: str) -> None:
        """Raise KeyUnknown for a malformed token, without a call to AWS."""
        ...

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key of a token, or raise KeyRefused."""
        ...


class Upstream(Protocol):
    """The providers' client. Errors are returned, not raised."""

    def complete(
        self, operation: Operation, request: RoutedRequest, deadline: Deadline, before_attempt: BeforeAttempt
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer."""
        ...

    def stream(
        self, operation: StreamingOperation, request: RoutedRequest, deadline: Deadline, before_attempt: BeforeAttempt
    ) -> Outcome[Relay]:
        """Return the answer as soon as its first output has arrived."""
        ...


class Ledger(Protocol):
    """The store of usage records."""

    def put(self, record: UsageRecord) -> None:
        """Write a record, or raise LedgerUnavailable."""
        ...


class Routes(Protocol):
    """The retirements of models."""

    def retirement(self, target: Target) -> Retirement | None:
        """Return the retirement of a target's model if clients have to be warned of it."""
        ...


class MeteredCalls(NamedTuple):
    """What all calls of an execution environment share."""

    keys: ApiKeys
    upstream: Upstream
    ledger: Ledger
    timeouts: Timeouts
    routes: Routes
    prices: Prices

    def start(self, request: HttpRequest, remaining_s: float) -> "MeteredCall":
        """Start a call that has to end, its usage record included, within `remaining_s` seconds.

        Raises:
            KeyRefused: the request has no token, or a malformed one; there was no call to AWS.
        """
        call = MeteredCall(self, request, remaining_s)
        self.keys.check_format(call.token)
        return call


class MeteredCall:
    """One call of a client. Each call that is run leaves exactly one usage record."""

    def __init__(self, calls: MeteredCalls, request: HttpRequest, remaining_s: float) -> None:
        self._start = CallStart.now()
        self._calls = calls
        self._request = request
        self._remaining_s = remaining_s
        self._limit_s = min(remaining_s - calls.timeouts.reserved_for_ledger, requested_timeout(request.headers))
        self.token = api_key_token(request.headers)

    def authenticate(self) -> ApiKey:
        """Return the client's key, or raise KeyRefused."""
        return self._calls.keys.authenticate(self.token, self._start.epoch)

    def run(self, key: ApiKey, operation: Operation, routed: RoutedRequest) -> JsonResponse:
        """Return the response with the whole answer, or with an error."""
        limit_s = min(self._limit_s, MAX_IDLE_S, client_read_timeout(self._request.headers))
        try:
            outcome = self._calls.upstream.complete(operation, routed, self._deadline(limit_s), self._before_attempt)
        except Exception as error:  # noqa: BLE001 - a call that an internal error ended has a record, too
            outcome = Outcome((), InternalError(error))
        self._report(outcome.result)
        call = Call(self._request, key, routed, self._start)
        cost = self._record(call, outcome)
        result = outcome.result
        answer = result if isinstance(result, GatewayError) else add_cost(result, cost)
        return JsonResponse(answer, self._headers(outcome))

    def stream(
        self, key: ApiKey, operation: StreamingOperation, routed: RoutedRequest
    ) -> JsonResponse | EventStreamResponse:
        """Return the response, which starts with the first output, or after `response_start` seconds without one.

        An error before the start is the response.
        """
        call = Call(self._request, key, routed, self._start, streamed=True)
        task = BackgroundTask(lambda: self._open(operation, routed))
        response_start_s = min(self._calls.timeouts.response_start, client_read_timeout(self._request.headers))
        outcome = task.wait(response_start_s - self._start.elapsed())
        if outcome and isinstance(outcome.result, GatewayError):
            self._record(call, outcome)
            return JsonResponse(outcome.result, self._headers(outcome))
        headers = self._headers(outcome) if outcome else {}
        return EventStreamResponse(self._events(call, task), self._calls.timeouts.ping, headers)

    def _open(self, operation: StreamingOperation, routed: RoutedRequest) -> Outcome[Relay]:
        try:
            outcome = self._calls.upstream.stream(
                operation, routed, self._deadline(self._limit_s), self._before_attempt
            )
        except Exception as error:  # noqa: BLE001 - as in `run`
            outcome = Outcome((), InternalError(error))
        self._report(outcome.result)
        return outcome

    def _events(self, call: Call, task: BackgroundTask[Outcome[Relay]]) -> Iterator[bytes]:
        """Yield the events of the response. They are read to the end even if the client left, so the usage is exact."""
        outcome = task.result()
        relay = outcome.result
        cost: Cost | Unpriced | None = None
        try:
            if isinstance(relay, GatewayError):
                yield error_event(relay, self._request.ids)
            else:
                cost = yield from self._relay(call, relay)
        finally:
            ended = outcome if isinstance(relay, GatewayError) else relay.end()
            self._record(call._replace(response_started=True), ended, cost)

    def _relay(self, call: Call, relay: Relay) -> Generator[bytes, None, Cost | Unpriced | None]:
        """Yield the events of an answer, and return its cost, None if it failed."""
        try:
            for batch in relay.events():
                yield encode_events([event.data for event in batch])
        except GatewayError as error:
            self._report(error)
            yield error_event(error, self._request.ids)
            return None
        cost = price_answer(self._calls.prices, call, relay.target, relay.usage)
        yield encode_events([event.data for event in relay.last_events(usage_fields(cost))]) + DONE
        return cost

    def _headers(self, outcome: Outcome[Any]) -> dict[str, str]:
        return build_response_headers(outcome, self._retirement(outcome))

    def _retirement(self, outcome: Outcome[Any]) -> Retirement | None:
        """Return the retirement of the model that answers, if clients have to be warned of it."""
        if isinstance(outcome.result, GatewayError):
            return None
        relay = outcome.result if isinstance(outcome.result, Relay) else None
        return self._calls.routes.retirement(relay.target if relay else outcome.attempts[-1].target)

    def _deadline(self, limit_s: float) -> Deadline:
        return Deadline(limit_s - self._start.elapsed())

    def _before_attempt(self, _target: Target, _attempts: Sequence[Attempt]) -> None:
        """Allow every attempt: a budget will have to cover it first."""

    def _report(self, result: object) -> None:
        if isinstance(result, InternalError):
            observability.report(result.cause, self._request.ids)

    def _record(self, call: Call, outcome: Outcome[Any], cost: Cost | Unpriced | None = None) -> Cost | Unpriced:
        """Write the usage record, and return the cost in it; a cost that is known already is not computed again."""
        ids = self._request.ids
        cost = cost or price_call(self._calls.prices, call, outcome)
        record = build_usage_record(call, outcome, cost)
        if not self._is_written(record):
            extra = {**ids.log_fields(), "usage_record": record_fields(record)}
            observability.logger().error("usage record lost", extra=extra)
            metrics.count("usage_record_lost", ids)
        _count_recovered_failures(outcome, ids)
        if self._retirement(outcome):
            metrics.count("model_retires_soon", ids)
        write_call_metrics(record, ids)
        return cost

    def _is_written(self, record: UsageRecord) -> bool:
        """Write a record; return whether that succeeded before the time for a log line about its loss."""
        seconds = self._remaining_s - self._start.elapsed() - _LOSS_REPORT_S
        if seconds >= LONGEST_AWS_CALL_S:
            return self._put(record)
        # The timeouts and retries of the AWS client can outlast the invocation, and a killed function logs nothing.
        return bool(BackgroundTask(lambda: self._put(record)).wait(seconds))

    def _put(self, record: UsageRecord) -> bool:
        """Return whether the record was written."""
        try:
            self._calls.ledger.put(record)
        except LedgerUnavailable:
            return False
        return True


_OWNER_METRICS = {failure.error.__name__: failure.http.code for failure in PROVIDER_FAILURES if failure.owner_metric}
"""The metrics of failures that only the owner can fix, by the cause of the attempt."""


def _count_recovered_failures(outcome: Outcome[Any], ids: RequestIds) -> None:
    """Count the failures for the owner that the client does not see, because another target answered.

    The error of the response is counted with the response.
    """
    unseen = {attempt.cause for attempt in outcome.attempts} - {type(outcome.result).__name__}
    for cause in sorted(unseen & _OWNER_METRICS.keys()):
        metrics.count(_OWNER_METRICS[cause], ids)
