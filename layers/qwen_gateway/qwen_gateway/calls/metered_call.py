"""The metered call: admit it, run the attempts, settle it. Every endpoint that calls a provider goes through it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from qwen_gateway import metrics, observability
from qwen_gateway.api import (
    MAX_IDLE_S,
    EventStreamResponse,
    HttpRequest,
    JsonPartsResponse,
    JsonResponse,
    api_key_token,
    client_read_timeout,
    http_error_for,
    requested_timeout,
)
from qwen_gateway.calls.admitted_call import AdmittedCall
from qwen_gateway.calls.background_task import BackgroundTask
from qwen_gateway.calls.call_cost import CallCost, add_cost, usage_fields
from qwen_gateway.calls.call_plan import CallPlan, Limits
from qwen_gateway.calls.dependencies import Admissions, RequestPart, Routes, Upstream
from qwen_gateway.calls.guarded_prices import GuardedPrices, Prices
from qwen_gateway.calls.limit_headers import build_limit_headers, build_shadow_header
from qwen_gateway.calls.response_headers import build_response_headers
from qwen_gateway.calls.settlement import Settlements
from qwen_gateway.calls.split_call import PartPlan, SplitCall
from qwen_gateway.calls.streamed_answer import OnAnswer, StreamedAnswer, ignore_answer
from qwen_gateway.calls.usage_record import Call, CallStart, build_usage_record
from qwen_gateway.catalog import Retirement
from qwen_gateway.config import Timeouts
from qwen_gateway.errors import GatewayError, InternalError, LedgerUnavailable, LimitRefused, RequestRefused
from qwen_gateway.ledger import AdmissionRefused, Caller, KeySnapshot, token
from qwen_gateway.upstream import BeforeAttempt, Deadline, Outcome, Relay, RoutedRequest, allow_attempt
from qwen_gateway.upstream.operations import Operation, StreamingOperation

type Join = Callable[[Sequence[Mapping[str, Any]], Mapping[str, Any]], Iterator[bytes]]
"""Returns the JSON of a whole answer, in parts, from those of all calls and the fields of the cost."""


_LARGE_BODY_BYTES = 65_536
"""Parsing a larger body takes more than reading the key, so nobody without a key can cause it."""


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

    @property
    def key_id(self) -> str:
        """The id of the client's key, which may not have been authenticated yet."""
        return self._caller.key_id

    def authenticate(self) -> None:
        """Read the client's key, or raise KeyRefused."""
        self._read = self._calls.admissions.read_key(self._caller)

    def authenticate_before_parsing(self) -> None:
        """Read the client's key if the body is large and the token was not accepted in this environment a moment ago.

        Raises:
            KeyRefused: the key is not accepted.
        """
        is_large = len(self._request.body) > _LARGE_BODY_BYTES
        if is_large and not self._calls.admissions.was_valid(self._caller.token_hash):
            self.authenticate()

    def route[Found](self, find: Callable[[], Found]) -> Found:
        """Return what a request needs, such as its targets. That there is nothing is told to known keys only.

        Raises:
            KeyRefused: there are none, and the key is not accepted.
            RequestRefused: there are none.
        """
        try:
            return find()
        except RequestRefused:
            self.authenticate()
            raise

    def run(
        self, operation: Operation, routed: RoutedRequest, limits: Limits, on_answer: OnAnswer = ignore_answer
    ) -> JsonResponse:
        """Return the response with the whole answer, or with an error.

        Args:
            operation: the kind of call.
            routed: the client's request.
            limits: what a provider can count for it at most.
            on_answer: called if there is an answer.
        """
        admitted = self._admit(operation, routed, limits, streamed=False)
        if isinstance(admitted, JsonResponse):
            return admitted
        outcome = self._complete(operation, admitted.request, admitted.before_attempt)
        cost = admitted.settle(outcome, self._seconds_left(), retires_soon=self._retirement(outcome) is not None)
        result = outcome.result
        if isinstance(result, GatewayError):
            return JsonResponse(result, self._headers(admitted, outcome))
        on_answer(outcome.attempts[-1].target, result, self._seconds_left())
        return JsonResponse(add_cost(result, cost), self._headers(admitted, outcome))

    def run_split(
        self,
        operation: Operation,
        routed: RoutedRequest,
        limits: Limits,
        parts: Sequence[RequestPart],
        join: Join,
    ) -> JsonResponse | JsonPartsResponse:
        """Return the response with the joined answers to all parts of a request, or with the first error.

        `parts` are those into which the request is split; the other arguments are those of `run`.
        """
        admitted = self._admit(operation, routed, limits, streamed=False)
        if isinstance(admitted, JsonResponse):
            return admitted
        plans = [PartPlan(part.field, self._plan(operation, routed._replace(body=part.body), limits)) for part in parts]
        outcome, cost = SplitCall(admitted, plans, self._prices.nothing()).run(
            lambda request, before_attempt: self._complete(operation, request, before_attempt)
        )
        retires_soon = self._retirement(outcome) is not None
        admitted.settle(outcome, self._seconds_left(), cost=cost, retires_soon=retires_soon)
        headers = self._headers(admitted, outcome)
        if isinstance(outcome.result, GatewayError):
            return JsonResponse(outcome.result, headers)
        return JsonPartsResponse(join(outcome.result, usage_fields(cost.cost)), headers)

    def run_unmetered(self, operation: Operation, routed: RoutedRequest) -> JsonResponse:
        """Return the response to a call that no provider bills: it only authenticates, and leaves no record.

        Raises:
            KeyRefused: the key is not accepted.
        """
        if self._read is None:
            self.authenticate()
        outcome = self._complete(operation, routed, allow_attempt)
        return JsonResponse(outcome.result, build_response_headers(outcome, operation.endpoint))

    def _complete(
        self, operation: Operation, request: RoutedRequest, before_attempt: BeforeAttempt
    ) -> Outcome[dict[str, Any]]:
        """Return the whole answer of the providers, in the time in which the client needs it."""
        limit_s = min(self._limit_s, MAX_IDLE_S, client_read_timeout(self._request.headers))
        try:
            outcome = self._calls.upstream.complete(operation, request, self._deadline(limit_s), before_attempt)
        except Exception as error:  # noqa: BLE001 - a call that an internal error ended has a record, too
            outcome = Outcome((), InternalError(error))
        self._report(outcome.result)
        return outcome

    def _plan(self, operation: Operation, routed: RoutedRequest, limits: Limits) -> CallPlan:
        calls = self._calls
        return CallPlan(calls.upstream, calls.routes, self._prices, operation, routed, limits, self._start.epoch)

    def stream(
        self, operation: StreamingOperation, routed: RoutedRequest, limits: Limits, on_answer: OnAnswer = ignore_answer
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
        answer = StreamedAnswer(
            self._request,
            admitted,
            task,
            self._seconds_left,
            lambda ended: self._retirement(ended) is not None,
            on_answer,
        )
        return EventStreamResponse(answer.events(), self._calls.timeouts.ping, self._headers(admitted, outcome))

    def _admit(
        self, operation: Operation, routed: RoutedRequest, limits: Limits, *, streamed: bool
    ) -> AdmittedCall | JsonResponse:
        """Return the admitted call, whose record is open if it has no hold; or the response that refuses it."""
        calls = self._calls
        plan = self._plan(operation, routed, limits)
        caller = self._caller._replace(model=routed.model)
        call = Call(self._request, caller.key_id, routed, self._start, operation.endpoint, streamed=streamed)
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

    def _headers(self, admitted: AdmittedCall, outcome: Outcome[Any] | None) -> dict[str, str]:
        admission = admitted.admission
        limits = build_limit_headers(admission.snapshot, admission.now)
        shadow = build_shadow_header(admission.snapshot, admission.now)
        answer = build_response_headers(outcome, admitted.call.endpoint, self._retirement(outcome)) if outcome else {}
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
