"""The usage record of a chat call."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway.api import ChatRequest, http_error_for
from qwen_gateway.errors import GatewayError
from qwen_gateway.ledger import ApiKey, AttemptRecord, UsageRecord, parse_tags
from qwen_gateway.upstream import Attempt, Outcome


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
    """An authenticated call. Header names are in lower case."""

    request_id: str
    key: ApiKey
    chat: ChatRequest
    headers: Mapping[str, str]
    start: CallStart


def build_usage_record(call: Call, outcome: Outcome[Any], *, response_started: bool) -> UsageRecord:
    """Return the record of a call, answered or not.

    `response_started`: the status 200 was sent before the call ended.
    """
    failure = http_error_for(outcome.result) if isinstance(outcome.result, GatewayError) else None
    last = outcome.attempts[-1] if outcome.attempts else None
    return UsageRecord(
        id=call.request_id.removeprefix("req_"),
        key_id=call.key.id,
        created=int(call.start.epoch),
        model_asked=call.chat.model,
        streamed=call.chat.streams,
        status=failure.status if failure and not response_started else 200,
        outcome=failure.code if failure else "answered",
        latency_ms=round(call.start.elapsed() * 1000),
        first_token_ms=last.first_token_ms if last else None,
        model_used=last.target.model if last else None,
        provider=last.target.provider if last else None,
        attempts=tuple(_attempt(attempt) for attempt in outcome.attempts),
        end_user=_text(call.chat.body.get("user")),
        tags=parse_tags(call.chat.body.get("metadata")),
        client_retry_count=_count(call.headers.get("x-stainless-retry-count")),
        **_tokens(outcome.result),
    )


def _attempt(attempt: Attempt) -> AttemptRecord:
    return AttemptRecord(
        provider=attempt.target.provider,
        model=attempt.target.model,
        charged=attempt.charged,
        latency_ms=attempt.latency_ms,
        cause=attempt.cause or None,
        http_status=attempt.status,
        provider_request_id=attempt.request_id,
    )


def _tokens(result: Mapping[str, Any] | GatewayError) -> dict[str, int | None]:
    """Read DashScope's usage, whose details hold the cached, cache-written and thinking tokens."""
    usage = _object({} if isinstance(result, GatewayError) else result, "usage")
    prompt, completion = _object(usage, "prompt_tokens_details"), _object(usage, "completion_tokens_details")
    return {
        "tokens_in": _int(usage.get("prompt_tokens")),
        "tokens_out": _int(usage.get("completion_tokens")),
        "tokens_cached": _int(prompt.get("cached_tokens")),
        "tokens_cache_write": _int(prompt.get("cache_creation_input_tokens")),
        "tokens_thinking": _int(completion.get("reasoning_tokens")),
    }


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() and value.isascii() and len(value) < 6 else None  # noqa: PLR2004 - more than any client retries
