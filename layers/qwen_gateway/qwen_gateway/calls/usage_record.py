"""The usage record of a call."""

import time
from typing import Any, NamedTuple

from qwen_gateway.api import HttpRequest, http_error_for
from qwen_gateway.calls.call_cost import CallCost
from qwen_gateway.config import Endpoint
from qwen_gateway.errors import GatewayError, InternalError
from qwen_gateway.ledger import AttemptRecord, RecordState, UsageRecord, parse_tags
from qwen_gateway.pricing import Cost, Unpriced, count_searches
from qwen_gateway.upstream import Attempt, Outcome, RoutedRequest
from qwen_gateway.usage import Usage


class CallStart(NamedTuple):
    """The time at which a call arrived: seconds since 1970, and the same moment on the monotonic clock."""

    epoch: float
    monotonic: float

    @classmethod
    def now(cls) -> "CallStart":
        """Return the current time."""
        return cls(time.time(), time.monotonic())

    def elapsed(self) -> float:
        """Return the seconds since then."""
        return time.monotonic() - self.monotonic


class Call(NamedTuple):
    """A call of a client.

    `endpoint` is that of the API which it called. `hold` is the name of its hold, None without. `streamed`: the client
    asked for a stream. `response_started`: the status 200 was sent before the call ended.
    """

    request: HttpRequest
    key_id: str
    routed: RoutedRequest
    start: CallStart
    endpoint: Endpoint
    hold: str | None = None
    streamed: bool = False
    response_started: bool = False


def build_usage_record(call: Call, outcome: Outcome[Any], call_cost: CallCost) -> UsageRecord:
    """Return the record of a call, answered or not."""
    cost = call_cost.cost
    priced = cost if isinstance(cost, Cost) else None
    failure = http_error_for(outcome.result) if isinstance(outcome.result, GatewayError) else None
    last = outcome.attempts[-1] if outcome.attempts else None
    presumed = call_cost.presumed or (None,) * len(outcome.attempts)
    return build_open_record(call)._replace(
        status=failure.status if failure and not call.response_started else 200,
        outcome=failure.code if failure else "answered",
        latency_ms=round(call.start.elapsed() * 1000),
        first_token_ms=last.first_token_ms if last else None,
        model_used=last.target.model if last else None,
        provider=last.target.provider if last else None,
        attempts=tuple(_attempt(attempt, amount) for attempt, amount in zip(outcome.attempts, presumed, strict=True)),
        usage=count_searches(outcome.usage or Usage(), call.routed.body),
        cost=priced.amount if priced else None,
        cost_currency=priced.currency if priced else None,
        exchange_rate=priced.rate if priced else None,
        price=priced.price if priced else None,
        unpriced=cost.reason if isinstance(cost, Unpriced) else None,
        state=_final_state(outcome),
    )


def build_open_record(call: Call) -> UsageRecord:
    """Return the record of a call that has not ended: what is known of it before its first attempt."""
    body = call.routed.body
    return UsageRecord(
        id=call.request.ids.ulid,
        key_id=call.key_id,
        created=int(call.start.epoch),
        model_asked=call.routed.model,
        endpoint=call.endpoint,
        streamed=call.streamed,
        status=None,
        outcome="open",
        latency_ms=None,
        end_user=_text(body.get("user")),
        tags=parse_tags(body.get("metadata")),
        client_retry_count=_count(call.request.headers.get("x-stainless-retry-count")),
        api_request_id=call.request.ids.api_request_id,
        state="open",
        hold=call.hold,
    )


def _final_state(outcome: Outcome[Any]) -> RecordState:
    # After an unhandled exception it is not known whether a provider was called.
    is_called = bool(outcome.attempts) or isinstance(outcome.result, InternalError)
    return "settled" if is_called else "not_called"


def _attempt(attempt: Attempt, presumed_cost: int | None) -> AttemptRecord:
    return AttemptRecord(
        provider=attempt.target.provider,
        model=attempt.target.model,
        charged=attempt.charged,
        latency_ms=attempt.latency_ms,
        cause=attempt.cause or None,
        http_status=attempt.status,
        provider_request_id=attempt.request_id,
        presumed_cost=presumed_cost,
        calls=attempt.calls if attempt.calls > 1 else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() and value.isascii() and len(value) < 6 else None  # noqa: PLR2004 - more than any client retries
