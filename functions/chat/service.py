"""One chat call, from the key to the usage record."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from chat.background_task import BackgroundTask
from chat.client_timeouts import MAX_IDLE_S, client_read_timeout, requested_timeout
from chat.usage_record import Call, CallStart, build_usage_record
from qwen_gateway import observability
from qwen_gateway.api import (
    DONE,
    ChatRequest,
    EventStreamResponse,
    HttpRequest,
    JsonResponse,
    bearer_token,
    encode_events,
    error_event,
)
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, InternalError, LedgerUnavailable
from qwen_gateway.ledger import ApiKey, UsageRecord, record_fields
from qwen_gateway.provider_failures import PROVIDER_FAILURES
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Deadline, Outcome, Relay


class ApiKeys(Protocol):
    """The clients' API keys."""

    def check_format(self, token_text: str) -> None:
        """Raise KeyUnknown for a malformed token, without a call to AWS."""
        ...

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key of a token, or raise KeyRefused."""
        ...


class Routes(Protocol):
    """The routes."""

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a model name, or raise ModelUnknown."""
        ...


class Upstream(Protocol):
    """The providers' client. Errors are returned, not raised."""

    def complete(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer."""
        ...

    def stream(
        self, model: str, targets: tuple[Target, ...], body: Mapping[str, Any], deadline: Deadline
    ) -> Outcome[Relay]:
        """Return the answer as soon as its first output has arrived."""
        ...


class Ledger(Protocol):
    """The store of usage records."""

    def put(self, record: UsageRecord) -> None:
        """Write a record, or raise LedgerUnavailable."""
        ...


class ChatService:
    """Answers chat calls; each authenticated call leaves exactly one usage record."""

    def __init__(self, keys: ApiKeys, routes: Routes, upstream: Upstream, ledger: Ledger, timeouts: Timeouts) -> None:
        self._keys = keys
        self._routes = routes
        self._upstream = upstream
        self._ledger = ledger
        self._timeouts = timeouts

    def complete(self, request: HttpRequest, request_id: str, seconds: float) -> JsonResponse | EventStreamResponse:
        """Answer a request within `seconds`.

        Raises:
            GatewayError: the request or its key was rejected; no provider was called, and there is no record.
        """
        start = CallStart.now()
        token = bearer_token(request.headers)
        self._keys.check_format(token)
        chat = ChatRequest.parse(request.body)
        key = self._keys.authenticate(token, start.epoch)
        targets = self._routes.targets(chat.model)
        call = Call(request_id, key, chat, request.headers, start)
        if chat.streams:
            return self._stream(call, targets, seconds)
        limits = (seconds, MAX_IDLE_S, requested_timeout(request.headers), client_read_timeout(request.headers))
        deadline = Deadline(min(limits) - start.elapsed())
        outcome = self._run(call, self._upstream.complete, targets, deadline)
        self._record(call, outcome, response_started=False)
        return JsonResponse(outcome.result, _headers(outcome))

    def _stream(self, call: Call, targets: tuple[Target, ...], seconds: float) -> JsonResponse | EventStreamResponse:
        """Start the response with the first output, or after `response_start` seconds without one."""
        deadline = Deadline(min(seconds, requested_timeout(call.headers)) - call.start.elapsed())
        task = BackgroundTask(lambda: self._run(call, self._upstream.stream, targets, deadline))
        response_start = min(self._timeouts.response_start, client_read_timeout(call.headers))
        outcome = task.wait(response_start - call.start.elapsed())
        if outcome and isinstance(outcome.result, GatewayError):
            self._record(call, outcome, response_started=False)
            return JsonResponse(outcome.result, _headers(outcome))
        headers = _headers(outcome) if outcome else {}
        return EventStreamResponse(self._events(call, task), self._timeouts.ping, headers)

    def _events(self, call: Call, task: BackgroundTask[Outcome[Relay]]) -> Iterator[bytes]:
        """Yield the events of the response. They are read to the end even if the client left, so the usage is exact."""
        outcome = task.result()
        relay = outcome.result
        try:
            if isinstance(relay, GatewayError):
                yield error_event(relay, call.request_id)
            else:
                yield from self._relay(call, relay)
        finally:
            self._record(call, outcome if isinstance(relay, GatewayError) else relay.end(), response_started=True)

    def _relay(self, call: Call, relay: Relay) -> Iterator[bytes]:
        try:
            for batch in relay.events():
                yield encode_events(event.data for event in batch)
        except GatewayError as error:
            _report(error, call.request_id)
            yield error_event(error, call.request_id)
        else:
            usage = (relay.usage.data,) if relay.usage and call.chat.wants_usage else ()
            yield encode_events(usage) + DONE

    def _run[Answer](
        self,
        call: Call,
        attempt: Callable[[str, tuple[Target, ...], Mapping[str, Any], Deadline], Outcome[Answer]],
        targets: tuple[Target, ...],
        deadline: Deadline,
    ) -> Outcome[Answer]:
        try:
            outcome = attempt(call.chat.model, targets, call.chat.body, deadline)
        except Exception as error:  # noqa: BLE001 - a call that an internal error ended has a record, too
            outcome = Outcome((), InternalError(error))
        _report(outcome.result, call.request_id)
        return outcome

    def _record(self, call: Call, outcome: Outcome[Any], *, response_started: bool) -> None:
        record = build_usage_record(call, outcome, response_started=response_started)
        try:
            self._ledger.put(record)
        except LedgerUnavailable:
            observability.count("usage_record_lost")
            observability.logger().error("usage record lost", extra={"usage_record": record_fields(record)})
        _count_recovered_failures(outcome)


def _report(result: object, request_id: str) -> None:
    if isinstance(result, InternalError):
        observability.report(result.cause, request_id)


_OWNER_METRICS = {failure.error.__name__: failure.http.code for failure in PROVIDER_FAILURES if failure.owner_metric}
"""The metrics of failures that only the owner can fix, by the cause of the attempt."""


def _count_recovered_failures(outcome: Outcome[Any]) -> None:
    """Count the failures for the owner that the client does not see, because another target answered.

    The error of the response is counted with the response.
    """
    unseen = {attempt.cause for attempt in outcome.attempts} - {type(outcome.result).__name__}
    for cause in sorted(unseen & _OWNER_METRICS.keys()):
        observability.count(_OWNER_METRICS[cause])


def _headers(outcome: Outcome[Any]) -> dict[str, str]:
    """Return the headers that name the answering or the last target, and the number of provider calls."""
    headers: dict[str, str] = {}
    if isinstance(outcome.result, Relay):
        headers = _target_headers(outcome.result.target, outcome.result.attempts)
    elif outcome.attempts:
        headers = _target_headers(outcome.attempts[-1].target, len(outcome.attempts))
    if outcome.capped_max_tokens is not None:
        headers["x-gateway-max-tokens"] = str(outcome.capped_max_tokens)
    return headers


def _target_headers(target: Target, attempts: int) -> dict[str, str]:
    return {
        "x-gateway-provider": target.provider,
        "x-gateway-model": target.model,
        "x-gateway-attempts": str(attempts),
    }
