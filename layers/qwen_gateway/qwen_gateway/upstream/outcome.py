"""What became of a request: its attempts, and its answer or error."""

from typing import NamedTuple

from qwen_gateway.errors import GatewayError, ProviderError
from qwen_gateway.routing import Target


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
    """

    target: Target
    cause: str
    status: int | None
    request_id: str | None
    latency_ms: int
    first_token_ms: int | None
    charged: str


def failed_attempt(target: Target, error: BaseException, latency_ms: int) -> Attempt:
    """Return the attempt that ended with an error of the provider, or with one of our own."""
    cause = type(error).__name__
    if not isinstance(error, ProviderError):
        return Attempt(target, cause, None, None, latency_ms, None, "presumed")
    charged = "presumed" if error.may_have_run else "none"
    return Attempt(target, cause, error.status, error.request_id, latency_ms, None, charged)


class Outcome[Answer](NamedTuple):
    """The finished attempts of a request, and its answer or error.

    `capped_max_tokens` is the output cap in tokens that the last target got, if the client asked for more.
    """

    attempts: tuple[Attempt, ...]
    result: Answer | GatewayError
    capped_max_tokens: int | None = None
