"""One row for each kind of provider failure: how it is recognized, what may follow it, and what the client gets.

Recognition uses the code of the error body, then the HTTP status (DashScope's error pages; design, section 3). Messages
are never searched, with two exceptions that stand in the table as data: 429 `insufficient_quota` means throttling,
unless the message says that the free quota is used up, and 400 `InvalidParameter` can mean a model that was retired.
"""

import enum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from qwen_gateway.errors import (
    HttpError,
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderConnectTimeout,
    ProviderDisconnected,
    ProviderError,
    ProviderFault,
    ProviderIdleDisconnected,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
    RouteModelMissing,
)

EVENT = "event"
"""The status of an error event inside a stream, which has no HTTP status of its own."""


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


_FREE_QUOTA_USED_UP = "free allocated quota exceeded"
_NO_SUCH_MODEL = "model not exist"
"""DashScope's message for a retired model (models.dev pull request 6662)."""


class ProviderFailure(NamedTuple):
    """One kind of provider failure.

    Attributes:
        error: the exception.
        http: what the client gets if the request fails with it.
        rule: what may follow it.
        message: what the client reads: `{provider}`, `{model}` and `{reason}`, the provider's message, are filled in.
        codes: patterns of the provider's error codes, in lower case.
        statuses: patterns of the provider's HTTP statuses, for errors whose code is in no row.
        exceptions: codes that have this meaning only together with a message.
        quotes_provider: whether the provider's message is appended. The message about a rejected key is not: it
            contains parts of the key.
        retry_after: seconds after which a retry can succeed if the provider names none, which is the rule.
        owner_metric: whether it is counted even if a fallback answered, because only the owner can mend it.
    """

    error: type[ProviderError]
    http: HttpError
    rule: RetryRule
    message: str
    codes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    exceptions: tuple[CodeInMessage, ...] = ()
    quotes_provider: bool = False
    retry_after: float | None = None
    owner_metric: bool = False


def _http(status: int, code: str, kind: str = "server_error") -> HttpError:
    """Return an error that the SDKs do not retry, because the gateway has used up its own attempts."""
    return HttpError(status, kind, code, should_retry=False)


PROVIDER_FAILURES = (
    ProviderFailure(
        ProviderThrottled,
        _http(429, "provider_throttled", "rate_limit_error"),
        RetryRule(Retry.WITH_BACKOFF, cooldown=True),
        "{provider} throttles {model}: the account's requests or tokens per minute are spent.",
        codes=("throttling*", "limitrequests", "limit_requests"),
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
        statuses=("503",),
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
        codes=("arrearage", "commoditynotpurchased", "prepaidbilloverdue", "postpaidbilloverdue"),
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
        statuses=("401",),
        owner_metric=True,
    ),
    ProviderFailure(
        ProviderModelMissing,
        HttpError(404, "invalid_request_error", "model_not_found"),
        RetryRule(Retry.NEVER),
        "{provider} does not serve {model} to this account.",
        codes=("modelnotfound", "model_not_found", "model_not_supported"),
        statuses=("403", "404"),
        exceptions=(
            CodeInMessage("429", "insufficient_quota", _FREE_QUOTA_USED_UP),
            CodeInMessage("429", "throttling.allocationquota", _FREE_QUOTA_USED_UP),
            CodeInMessage("400", "invalidparameter", _NO_SUCH_MODEL),
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
        ProviderRefused,
        HttpError(400, "invalid_request_error", "provider_refused"),
        RetryRule(Retry.NEVER, Fallback.FINAL),
        "{reason}",
        codes=("datainspectionfailed", "data_inspection_failed", "ipinfringementsuspect"),
        statuses=("4??",),
    ),
)
"""The most specific pattern decides which row an error belongs to."""

_BY_ERROR = {row.error: row for row in PROVIDER_FAILURES}


def failure_of(error: type[ProviderError]) -> ProviderFailure:
    """Return the row of an error, or of its nearest parent that has one."""
    return next(_BY_ERROR[kind] for kind in error.__mro__ if kind in _BY_ERROR)


class ErrorBody(NamedTuple):
    """The body of a provider's error, in any of its envelopes; what is missing is empty."""

    message: str
    code: str
    param: str | None


def parse_error_body(body: Any) -> ErrorBody:
    """Parse OpenAI's envelope or DashScope's native one; anything else gives an empty body."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return ErrorBody("", "", None)
    code = inner.get("code") or inner.get("type") or ""
    param = inner.get("param")
    return ErrorBody(str(inner.get("message") or ""), str(code), param if isinstance(param, str) else None)


def classify(status: int | None, body: ErrorBody) -> type[ProviderError]:
    """Return the error that a provider's error response means.

    Args:
        status: the HTTP status; None for an error event inside a stream.
        body: the error body; its message is only compared for `exceptions`.
    """
    wire_status, code, message = str(status or EVENT), body.code.lower(), body.message.lower()
    for row in PROVIDER_FAILURES:
        if any((wire_status, code) == each[:2] and each.message in message for each in row.exceptions):
            return row.error
    return _most_specific(code, _CODES) or _most_specific(wire_status, _STATUSES) or ProviderAnswerBroken


type _Patterns = list[tuple[str, type[ProviderError]]]


def _sort(patterns: _Patterns) -> _Patterns:
    """Sort the most specific pattern first: the one with the most literal characters."""
    return sorted(patterns, key=lambda each: -len(each[0].replace("*", "").replace("?", "")))


_CODES = _sort([(pattern, row.error) for row in PROVIDER_FAILURES for pattern in row.codes])
_STATUSES = _sort([(pattern, row.error) for row in PROVIDER_FAILURES for pattern in row.statuses])


def _most_specific(text: str, patterns: _Patterns) -> type[ProviderError] | None:
    return next((error for pattern, error in patterns if fnmatchcase(text, pattern)), None)
