"""The metered call: admit it, run the attempts, settle it. Every endpoint that calls a provider goes through it."""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Literal, NamedTuple, Protocol

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
    http_error_for,
    requested_timeout,
)
from qwen_gateway.calls import call_plan
from qwen_gateway.calls.admitted_call import AdmittedCall
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.call_cost import CallCost, add_cost, usage_fields
from qwen_gateway.calls.call_plan import CallPlan, Limits
from qwen_gateway.calls.guarded_prices import GuardedPrices, Prices
from qwen_gateway.calls.limit_headers import build_limit_headers, build_shadow_header
from qwen_gateway.calls.response_headers import build_response_headers
from qwen_gateway.calls.settlement import Settlements
from qwen_gateway.calls.usage_record import Call, CallStart, build_usage_record
from qwen_gateway.catalog import Retirement
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, InternalError, LedgerUnavailable, LimitRefused
from qwen_gateway.ledger import Admission, AdmissionRefused, Caller, KeySnapshot, token
from qwen_gateway.routing import Target
from qwen_gateway.upstream import BeforeAttempt, Deadline, Outcome, Relay, RoutedRequest
from qwen_gateway.upstream.operations import Operation, StreamingOperation


class Admissions(Protocol):
    """The ledger's admission of calls."""

    def was_valid(self, token_hash: str) -> bool:
        """Return whether a token was accepted in this environment within ten minutes."""
        ...

    def read_key(self, caller: Caller) -> KeySnapshot:
        """Authenticate by a read, or raise KeyRefused."""
        ...

    def admit(
        self, caller: Caller, plan: CallPlan, seconds_left: Callable[[], float], read: KeySnapshot | None
    ) -> Admission:
        """Admit a call, or raise AdmissionRefused."""
        ...


class Upstream(call_plan.Upstream, Protocol):
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


class Routes(call_plan.Routes, Protocol):
    """The models of the targets, and their retirements."""

    def retirement(self, target: Target) -> Retirement | None:
        """Return the retirement of a target's model if clients have to be warned of it."""
        ...


class MeteredCalls(NamedTuple):
    """What all calls of an execution environment share; `presumed` is what attempts without a report are charged."""

    admissions: Admissions
    upstream: Upstream
    settlements: Settlements
    timeouts: Timeouts
    routes: Routes
    prices: Prices
    presumed: Literal["bound", "nothing"] = "bound"

    def start(self, request: HttpRequest, remaining_s: float) -> "MeteredCall":
        """Start a call that has to end, its usage record included, within `remaining_s` seconds.

        Raises:
            KeyRefused: the request has no token, or a malformed one; there was no call to AWS.
        """
        return MeteredCall(self, request, remaining_s)


class MeteredCall:
    """One call of a client. Each call that is admitted leaves exactly one usage record."""

    def __init__(self, calls: MeteredCalls, request: HttpRequest, remaining_s: float) -> None:
        self._start = CallStart.now()
        self._calls = calls
        self._request = request
        self._remaining_s = remaining_s
        self._limit_s = min(remaining_s - calls.timeouts.reserved_for_ledger, requested_timeout(request.headers))
        parsed = token.parse(api_key_token(request.headers))
        self._prices = GuardedPrices(calls.prices, request.ids)
        self._caller = Caller(parsed.id, token.digest(parsed.text), request.ids.ulid, model="")
        self._read: KeySnapshot | None = None

    def authenticate(self) -> None:
        """Read the client's key, or raise KeyRefused."""
        self._read = self._calls.admissions.read_key(self._caller)

    def authenticate_unless_known(self) -> None:
        """Read the client's key unless its token was accepted in this environment a moment ago."""
        if not self._calls.admissions.was_valid(self._caller.token_hash):
            self.authenticate()

    def run(self, operation: Operation, routed: RoutedRequest, limits: Limits) -> JsonResponse:
        """Return the response with the whole answer, or with an error.

        Args:
            operation: the kind of call.
            routed: the client's request.
            limits: what a provider can count for it at most.
        """
        admitted = self._admit(operation, routed, limits, streamed=False)
        if isinstance(admitted, JsonResponse):
            return admitted
        limit_s = min(self._limit_s, MAX_IDLE_S, client_read_timeout(self._request.headers))
        try:
            outcome = self._calls.upstream.complete(
                operation, admitted.request, self._deadline(limit_s), admitted.before_attempt
            )
        except Exception as error:  # noqa: BLE001 - a call that an internal error ended has a record, too
            outcome = Outcome((), InternalError(error))
        self._report(outcome.result)
        cost = admitted.settle(outcome, self._seconds_left(), retires_soon=self._retirement(outcome) is not None)
        result = outcome.result
        answer = result if isinstance(result, GatewayError) else add_cost(result, cost)
        return JsonResponse(answer, self._headers(admitted, outcome))

    def stream(
        self, operation: StreamingOperation, routed: RoutedRequest, limits: Limits
    ) -> JsonResponse | EventStreamResponse:
        """Return the response, which starts with the first output, or after `response_start` seconds without one.

        An error before the start is the response. The arguments are those of `run`.
        """
        admitted = self._admit(operation, routed, limits, streamed=True)
        if isinstance(admitted, JsonResponse):
            return admitted
        task = BackgroundTask(lambda: self._open(operation, admitted))
        response_start_s = min(self._calls.timeouts.response_start, client_read_timeout(self._request.headers))
        outcome = task.wait(response_start_s - self._start.elapsed())
        if outcome and isinstance(outcome.result, GatewayError):
            admitted.settle(outcome, self._seconds_left())
            return JsonResponse(outcome.result, self._headers(admitted, outcome))
        return EventStreamResponse(
            self._events(admitted, task), self._calls.timeouts.ping, self._headers(admitted, outcome)
        )

    def _admit(
        self, operation: Operation, routed: RoutedRequest, limits: Limits, *, streamed: bool
    ) -> AdmittedCall | JsonResponse:
        """Return the admitted call, whose record is open if it has no hold; or the response that refuses it."""
        calls = self._calls
        plan = CallPlan(calls.upstream, calls.routes, self._prices, operation, routed, limits, self._start.epoch)
        caller = self._caller._replace(model=routed.model)
        call = Call(self._request, caller.key_id, routed, self._start, streamed=streamed)
        try:
            admission = calls.admissions.admit(caller, plan, lambda: self._limit_s - self._start.elapsed(), self._read)
        except AdmissionRefused as refused:
            return self._refuse(call, refused)
        if build_shadow_header(admission.snapshot, admission.now):
            metrics.count("limits_exceeded", self._request.ids)
        admitted = AdmittedCall(
            call._replace(hold=admission.hold), plan, admission, calls.settlements, self._prices, calls.presumed
        )
        # The client's own timeout does not count: it bounds the attempts, and a refusal there says what helps.
        error = admitted.open(self._seconds_left() - calls.timeouts.reserved_for_ledger)
        return JsonResponse(error) if error else admitted

    def _refuse(self, call: Call, refused: AdmissionRefused) -> JsonResponse:
        """Return the response of a call that was not admitted, and release what its sends may have held."""
        error, ids = refused.error, self._request.ids
        self._report(error)
        if refused.holds:
            cost = CallCost(self._prices.nothing())
            record = build_usage_record(call._replace(hold=refused.holds[-1]), Outcome((), error), cost)
            record = record._replace(state="not_called")
            with suppress(LedgerUnavailable):
                BackgroundTask(
                    lambda: self._calls.settlements.release_unclear(record, refused.holds, refused.amount)
                ).wait(self._seconds_left())
        if refused.snapshot and not isinstance(error, InternalError | LedgerUnavailable):
            reason = http_error_for(error).code
            extra = {**ids.log_fields(), "key_id": call.key_id, "reason": reason}
            observability.logger().warning("call refused", extra=extra)
        is_limit = refused.snapshot and isinstance(error, LimitRefused)
        headers = build_limit_headers(refused.snapshot, refused.now) if refused.snapshot and is_limit else {}
        return JsonResponse(error, headers)

    def _open(self, operation: StreamingOperation, admitted: AdmittedCall) -> Outcome[Relay]:
        try:
            outcome = self._calls.upstream.stream(
                operation, admitted.request, self._deadline(self._limit_s), admitted.before_attempt
            )
        except Exception as error:  # noqa: BLE001 - as in `run`
            outcome = Outcome((), InternalError(error))
        self._report(outcome.result)
        return outcome

    def _events(self, admitted: AdmittedCall, task: BackgroundTask[Outcome[Relay]]) -> Iterator[bytes]:
        """Yield the events of the response. They are read to the end even if the client left, so the usage is exact.

        `[DONE]` follows the settlement, so that a client which calls again at once meets a free slot.
        """
        outcome = task.result()
        relay = outcome.result
        cost: CallCost | None = None
        try:
            if isinstance(relay, GatewayError):
                yield error_event(relay, self._request.ids)
            else:
                cost = yield from self._relay(admitted, relay)
        finally:
            ended = outcome if isinstance(relay, GatewayError) else relay.end()
            admitted.settle(
                ended,
                self._seconds_left(),
                cost=cost,
                response_started=True,
                retires_soon=self._retirement(ended) is not None,
            )
        if cost:
            yield DONE

    def _relay(self, admitted: AdmittedCall, relay: Relay) -> Generator[bytes, None, CallCost | None]:
        """Yield the events of an answer, and return its cost, None if it failed."""
        try:
            for batch in relay.events():
                yield encode_events([event.data for event in batch])
        except GatewayError as error:
            self._report(error)
            yield error_event(error, self._request.ids)
            return None
        cost = admitted.price(relay.end())
        if last := relay.last_events(usage_fields(cost.cost)):
            yield encode_events([event.data for event in last])
        return cost

    def _headers(self, admitted: AdmittedCall, outcome: Outcome[Any] | None) -> dict[str, str]:
        admission = admitted.admission
        limits = build_limit_headers(admission.snapshot, admission.now)
        shadow = build_shadow_header(admission.snapshot, admission.now)
        answer = build_response_headers(outcome, self._retirement(outcome)) if outcome else {}
        return answer | limits | shadow

    def _retirement(self, outcome: Outcome[Any]) -> Retirement | None:
        """Return the retirement of the model that answers, if clients have to be warned of it."""
        if isinstance(outcome.result, GatewayError):
            return None
        relay = outcome.result if isinstance(outcome.result, Relay) else None
        return self._calls.routes.retirement(relay.target if relay else outcome.attempts[-1].target)

    def _deadline(self, limit_s: float) -> Deadline:
        return Deadline(limit_s - self._start.elapsed())

    def _seconds_left(self) -> float:
        """Return the seconds until the end of the invocation."""
        return self._remaining_s - self._start.elapsed()

    def _report(self, result: object) -> None:
        if isinstance(result, InternalError):
            observability.report(result.cause, self._request.ids)
