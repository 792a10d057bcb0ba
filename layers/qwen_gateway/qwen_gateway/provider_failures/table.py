"""One row for each kind of provider failure: how it is recognized, what may follow it, and what the client gets.

`classification` recognizes them.
"""

import enum
from typing import NamedTuple

from qwen_gateway.errors import (
    HttpError,
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderConnectTimeout,
    ProviderContextExceeded,
    ProviderDisconnected,
    ProviderError,
    ProviderFault,
    ProviderIdleDisconnected,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderResponseMissing,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
    RouteModelMissing,
)
from qwen_gateway.provider_failures.messages import (
    CONTEXT_EXCEEDED,
    EVENT,
    FREE_QUOTA_USED_UP,
    KEY_REFUSED,
    MODEL_MISSING,
    OUT_OF_CREDIT,
    RATE_LIMITED,
    RESPONSE_MISSING,
    StatusWithMessage,
)


class Retry(enum.Enum):
    """How the same target may be tried again."""

    NEVER = "never"
    IMMEDIATELY = "once, immediately"
    AFTER_BACKOFF = "once, after backoff"
    WITH_BACKOFF = "with backoff"
    AFTER_PAUSE = "after a pause, if there is no other target"
    WITH_NEW_KEY = "once, if the secret has another key"


class Fallback(enum.Enum):
    """Which targets may be tried next."""

    NEXT = "the next"
    OTHER_PROVIDER = "the next of another provider"
    FINAL = "none after the first target, else the next"


class RetryRule(NamedTuple):
    """What may follow a failure. `cooldown`: other requests try this target last for a while, too."""

    retry: Retry
    fallback: Fallback = Fallback.NEXT
    cooldown: bool = False


class CodeInMessage(NamedTuple):
    """A code that has this meaning with one status, and only if the message contains a text (in lower case)."""

    status: str
    code: str
    message: str


class ProviderFailure(NamedTuple):
    """One kind of provider failure.

    Attributes:
        error: the exception.
        http: what the client gets if the request fails with it.
        rule: what may follow it.
        message: what the client reads: `{provider}`, `{model}` and `{reason}`, the provider's message, are filled in.
        codes: patterns of the provider's error codes, in lower case.
        messages: patterns of the provider's messages, for errors whose code is in no row.
        event_codes: patterns of codes, for error events whose code and message are in no row: they have no status.
        statuses: patterns of the provider's HTTP statuses, for all other errors.
        exceptions: codes that have this meaning only together with a message.
        quotes_provider: whether the provider's message is appended. The message about a rejected key is not: it
            contains parts of the key. `quotable_message` excludes more.
        unknown_reason: replaces `{reason}` if there is no message.
        retry_after: seconds after which a retry can succeed if the provider names none, which is the rule.
        owner_metric: whether it is counted even if a fallback answered, because only the owner can mend it.
    """

    error: type[ProviderError]
    http: HttpError
    rule: RetryRule
    message: str
    codes: tuple[str, ...] = ()
    messages: tuple[StatusWithMessage, ...] = ()
    event_codes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    exceptions: tuple[CodeInMessage, ...] = ()
    quotes_provider: bool = False
    unknown_reason: str = "it gave no reason"
    retry_after: float | None = None
    owner_metric: bool = False


_REFUSED = "The provider rejects the request; it gave no reason that could be passed on."


def _http(status: int, code: str, kind: str = "server_error") -> HttpError:
    """Return an error that the SDKs do not retry, because the gateway has used up its own attempts."""
    return HttpError(status, kind, code, should_retry=False)


ACCESS_CODES = ("*accessdenied*", "access_denied", "allocationquota.freetieronly", "permission*", "forbidden", "403")
"""Codes that providers send with status 403."""

PROVIDER_FAILURES = (
    ProviderFailure(
        ProviderThrottled,
        _http(429, "provider_throttled", "rate_limit_error"),
        RetryRule(Retry.WITH_BACKOFF, cooldown=True),
        "{provider} throttles {model}: the account's requests or tokens per minute are spent.",
        codes=("throttling*", "limitrequests", "limit_requests"),
        messages=RATE_LIMITED,
        event_codes=("rate_limit*", "too_many_requests", "insufficient_quota"),
        statuses=("429",),
        quotes_provider=True,
        retry_after=2.0,
    ),
    ProviderFailure(
        ProviderBurstThrottled,
        _http(429, "provider_throttled", "rate_limit_error"),
        RetryRule(Retry.AFTER_PAUSE, cooldown=True),
        "{provider} throttles {model}: requests came too fast one after another.",
        codes=("throttling.burstrate", "limit_burst_rate"),
        quotes_provider=True,
        retry_after=5.0,
    ),
    ProviderFailure(
        ProviderOverloaded,
        _http(503, "provider_overloaded"),
        RetryRule(Retry.AFTER_BACKOFF, cooldown=True),
        "{provider} has no capacity for {model} now.",
        codes=("modelservingerror", "modelunavailable"),
        event_codes=("overloaded*",),
        # 529 is Anthropic's.
        statuses=("503", "529"),
        quotes_provider=True,
        retry_after=5.0,
    ),
    ProviderFailure(
        ProviderFault,
        _http(503, "provider_failed"),
        RetryRule(Retry.AFTER_BACKOFF, cooldown=True),
        "{provider} failed inside while it served {model}.",
        statuses=("5??", EVENT),
        quotes_provider=True,
    ),
    ProviderFailure(
        ProviderUnreachable,
        _http(503, "provider_unreachable"),
        RetryRule(Retry.IMMEDIATELY, cooldown=True),
        "{provider} could not be reached for {model}: {reason}.",
    ),
    ProviderFailure(
        ProviderConnectTimeout,
        _http(503, "provider_unreachable"),
        RetryRule(Retry.NEVER, cooldown=True),
        "{provider} could not be reached for {model}: {reason}.",
    ),
    ProviderFailure(
        ProviderDisconnected,
        _http(503, "provider_unreachable"),
        RetryRule(Retry.AFTER_BACKOFF, cooldown=True),
        "{provider} closed the connection before it answered for {model}.",
    ),
    ProviderFailure(
        ProviderIdleDisconnected,
        _http(503, "provider_unreachable"),
        RetryRule(Retry.IMMEDIATELY),
        "{provider} closed the connection before it answered for {model}.",
    ),
    ProviderFailure(
        ProviderTimeout,
        _http(504, "provider_timeout", "timeout_error"),
        RetryRule(Retry.NEVER, cooldown=True),
        "{provider} took too long with {model} ({reason}). "
        "Ask for fewer max_tokens, stream the answer, or use a faster model.",
        codes=("requesttimeout",),
        event_codes=("timeout_error",),
        statuses=("408", "504"),
    ),
    ProviderFailure(
        ProviderAnswerBroken,
        _http(502, "provider_answer_broken"),
        RetryRule(Retry.AFTER_BACKOFF, cooldown=True),
        "{provider} broke off its answer from {model}: {reason}.",
    ),
    ProviderFailure(
        ProviderOutOfCredit,
        _http(503, "provider_out_of_credit"),
        RetryRule(Retry.NEVER, Fallback.OTHER_PROVIDER),
        "{provider} refuses calls because the account has no credit. Its owner tops it up on the "
        "provider's billing page (DashScope's is Expenses and Costs in the Alibaba Cloud console).",
        codes=(
            "arrearage",
            "commoditynotpurchased",
            "prepaidbilloverdue",
            "postpaidbilloverdue",
            # Resellers with new-api, one-api or sub2api; some put a prefix before the code.
            "*insufficient_user_quota",
            "*pre_consume_token_quota_failed",
            "*quota_not_enough",
            "*free_model_blocked_no_quota",
            "*insufficient_balance",
            # OpenAI
            "billing_not_active",
            "billing_hard_limit_reached",
            # Moonshot
            "exceeded_current_quota*",
            # Anthropic
            "billing_error",
        ),
        messages=OUT_OF_CREDIT,
        statuses=("402",),
        owner_metric=True,
    ),
    ProviderFailure(
        ProviderKeyRefused,
        _http(502, "provider_auth_failed"),
        RetryRule(Retry.WITH_NEW_KEY, Fallback.OTHER_PROVIDER),
        "{provider} refuses the gateway's key. Its owner sets a new one: "
        "qwen-gateway secrets set {provider} (qwen-gateway doctor finds the region that a key belongs to).",
        codes=("invalidapikey", "invalid_api_key"),
        event_codes=("authentication_error",),
        messages=KEY_REFUSED,
        statuses=("401",),
        owner_metric=True,
    ),
    ProviderFailure(
        ProviderModelMissing,
        HttpError(404, "invalid_request_error", "model_not_found"),
        RetryRule(Retry.NEVER),
        "{provider} does not serve {model} to this account.",
        codes=("modelnotfound", "model_not_found", "model_not_supported"),
        messages=MODEL_MISSING,
        event_codes=(*ACCESS_CODES, "not_found*"),
        statuses=("403", "404"),
        exceptions=(
            CodeInMessage("429", "insufficient_quota", FREE_QUOTA_USED_UP),
            CodeInMessage("429", "throttling.allocationquota", FREE_QUOTA_USED_UP),
            CodeInMessage(EVENT, "insufficient_quota", FREE_QUOTA_USED_UP),
            CodeInMessage(EVENT, "throttling.allocationquota", FREE_QUOTA_USED_UP),
        ),
        quotes_provider=True,
    ),
    ProviderFailure(
        RouteModelMissing,
        _http(502, "route_model_missing"),
        RetryRule(Retry.NEVER),
        "The route leads to {model} of {provider}, which does not serve it to this account.",
        quotes_provider=True,
    ),
    ProviderFailure(
        ProviderResponseMissing,
        HttpError(404, "invalid_request_error", "response_not_found"),
        RetryRule(Retry.NEVER, Fallback.FINAL),
        "{provider} does not have the response any more, or never stored it.",
        codes=("previous_response_not_found",),
        messages=RESPONSE_MISSING,
    ),
    ProviderFailure(
        ProviderRefused,
        HttpError(400, "invalid_request_error", "provider_refused"),
        RetryRule(Retry.NEVER, Fallback.FINAL),
        "{reason}",
        codes=("datainspectionfailed", "data_inspection_failed", "ipinfringementsuspect"),
        event_codes=("invalid*", "badrequest*", "bad_request*", "request_too_large"),
        statuses=("4??",),
        unknown_reason=_REFUSED,
    ),
    ProviderFailure(
        ProviderContextExceeded,
        HttpError(400, "invalid_request_error", "context_length_exceeded"),
        RetryRule(Retry.NEVER, Fallback.FINAL),
        "{reason}",
        codes=("*context_length_exceeded*", "*context_window_exceeded*", "exceed_context_size*"),
        messages=CONTEXT_EXCEEDED,
        unknown_reason=_REFUSED,
    ),
)
"""The most specific pattern decides which row an error belongs to."""

_BY_ERROR = {row.error: row for row in PROVIDER_FAILURES}


def failure_of(error: type[ProviderError]) -> ProviderFailure:
    """Return the row of an error, or of its nearest parent that has one."""
    return next(_BY_ERROR[kind] for kind in error.__mro__ if kind in _BY_ERROR)
