"""What became of a request: its attempts, and its answer or error."""

from collections.abc import Mapping
from typing import NamedTuple

from qwen_gateway.errors import GatewayError, ProviderError, ProviderModelMissing, RouteModelMissing
from qwen_gateway.provider_failures import failure_of, quotable_message
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage


class Attempt(NamedTuple):
    """One call to a provider.

    Attributes:
        target: the provider and model that were called.
        cause: the class name of the error, empty after a success.
        status: the provider's HTTP status, None without a response.
        request_id: the provider's id of the call.
        latency_ms: milliseconds of the whole call.
        first_token_ms: milliseconds until the first output, None without output.
        charged: `billed`, `presumed` (the model may have run) or `none`.
        calls: how many calls with the same fate this stands for; latency and id are those of the last one.
    """

    target: Target
    cause: str
    status: int | None
    request_id: str | None
    latency_ms: int
    first_token_ms: int | None
    charged: str
    calls: int = 1


class AttemptFailed(Exception):
    """An attempt failed.

    Args:
        attempt: the call to the provider.
        error: the provider's error, or an internal one.
        has_new_key: whether there is another key now than the one that the provider rejected.
    """

    def __init__(self, attempt: Attempt, error: GatewayError, *, has_new_key: bool = False) -> None:
        super().__init__()
        self.attempt = attempt
        self.error = error
        self.has_new_key = has_new_key


class Outcome[Answer](NamedTuple):
    """The finished attempts of a request, and its answer or error.

    Attributes:
        attempts: in order; the last one succeeded if there is an answer.
        result: the answer or the error.
        usage: the provider's token counts for the answer, None if it reported none.
        changes: the numbers that the last target got in place of the client's, by field.
    """

    attempts: tuple[Attempt, ...]
    result: Answer | GatewayError
    usage: Usage | None = None
    changes: Mapping[str, float] = {}


def failed_attempt(target: Target, error: BaseException, latency_ms: int) -> Attempt:
    """Return the attempt that ended with an error of the provider, or with one of our own."""
    cause = type(error).__name__
    if not isinstance(error, ProviderError):
        return Attempt(target, cause, None, None, latency_ms, None, "presumed")
    charged = "presumed" if error.may_have_run else "none"
    return Attempt(target, cause, error.status, error.request_id, latency_ms, None, charged)


def client_error(error: ProviderError, target: Target, model: str) -> ProviderError:
    """Return a provider's error with the message for the client; `model` is the client's model name."""
    kind = type(error)
    if kind is ProviderModelMissing and model != target.model:
        kind = RouteModelMissing
    failure = failure_of(kind)
    quotable = quotable_message(error)
    reason = quotable or failure.unknown_reason
    message = failure.message.format(provider=target.provider, model=target.model, reason=reason)
    if failure.quotes_provider and quotable:
        message += f" It says: {quotable}"
    return kind(
        message,
        param=error.param if quotable or not error.message else None,
        retry_after=error.retry_after or failure.retry_after,
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )
