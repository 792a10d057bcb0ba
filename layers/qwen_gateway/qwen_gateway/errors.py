"""Everything that can go wrong, named by cause: one tree of exceptions, and the HTTP error for each cause of our own.

Every error that a client can get is a `GatewayError`. `GATEWAY_HTTP_ERRORS` below has the causes inside the gateway,
`provider_failures` those of the providers; `api.responses` combines both. The tree:

    GatewayError
    ├── RequestRefused            the request
    │   ├── RequestInvalid  RequestTooLarge  ModelUnknown  EndpointNotServed  CostUnbounded  ResponseUnknown
    ├── KeyRefused                the client's API key
    │   ├── KeyMissing  KeyUnknown  KeyRevoked  KeyExpired
    ├── LimitRefused              a limit of the client's API key
    │   ├── BudgetExhausted  ModelNotAllowed
    │   ├── RequestLimitExceeded  TokenLimitExceeded  ConcurrencyExceeded
    ├── InternalError             an unhandled exception
    ├── DependencyFailed          an AWS service or a setting that the gateway needs
    │   ├── LedgerUnavailable  SecretsUnavailable  ProviderNotConfigured
    └── ProviderError             the provider
        ├── ProviderThrottled  ProviderBurstThrottled  ProviderOverloaded  ProviderFault
        ├── ProviderTimeout  ProviderAnswerBroken
        ├── ProviderUnreachable ─ ProviderConnectTimeout
        ├── ProviderDisconnected ─ ProviderIdleDisconnected
        ├── ProviderOutOfCredit  ProviderKeyRefused
        ├── ProviderRefused ─ ProviderContextExceeded
        ├── ProviderModelMissing ─ RouteModelMissing
        └── ProviderResponseMissing
"""

from typing import NamedTuple


class GatewayError(Exception):
    """A failure that is returned to the client.

    Args:
        message: for the client only, never logged: a provider's message may quote the prompt.
        param: the request field to change.
        retry_after: seconds after which a retry can succeed.
    """

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after


class RequestRefused(GatewayError):
    """The request cannot be served as it was sent."""


class RequestInvalid(RequestRefused):
    """The body or one of its fields is invalid."""


class RequestTooLarge(RequestRefused):
    """The body does not fit into one Lambda event."""


class ModelUnknown(RequestRefused):
    """No route has this model name."""


class EndpointNotServed(RequestRefused):
    """No provider behind the model serves this endpoint."""


class CostUnbounded(RequestRefused):
    """The key has a budget, and the cost of the request has no upper limit."""


class ResponseUnknown(RequestRefused):
    """The key has made no stored response with this id, or nothing can serve it any more."""


class KeyRefused(GatewayError):
    """The API key is not accepted."""


class KeyMissing(KeyRefused):
    """No API key was sent."""


class KeyUnknown(KeyRefused):
    """The token was never issued, or is incomplete."""


class KeyRevoked(KeyRefused):
    """The key was revoked."""


class KeyExpired(KeyRefused):
    """The key has expired."""


class LimitRefused(GatewayError):
    """A limit of the API key refuses the call."""


class BudgetExhausted(LimitRefused):
    """What is left of the budget does not cover the most that the call may cost."""


class ModelNotAllowed(LimitRefused):
    """The key is not allowed to use the model."""


class RequestLimitExceeded(LimitRefused):
    """The key has used up its requests of this minute."""


class TokenLimitExceeded(LimitRefused):
    """The key has used up its tokens of this minute."""


class ConcurrencyExceeded(LimitRefused):
    """The key has as many open calls as it may have."""


class InternalError(GatewayError):
    """An unhandled exception. The client gets a fixed message; `cause` is for the log."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("The gateway has a defect. Its owner finds it in the function's log under this x-request-id.")
        self.cause = cause


class DependencyFailed(GatewayError):
    """A service or a setting that the gateway needs is unavailable."""


class LedgerUnavailable(DependencyFailed):
    """DynamoDB did not answer."""


class SecretsUnavailable(DependencyFailed):
    """Secrets Manager did not answer, and no cached value exists."""


class ProviderNotConfigured(DependencyFailed):
    """There is no key for the provider."""


class ProviderError(GatewayError):
    """An attempt at a provider failed.

    Args:
        message: for the client, or the provider's own message until `client_message` replaces it.
        param: the request field that the provider rejects.
        retry_after: seconds, from the provider's Retry-After.
        status: the provider's HTTP status, None without a response.
        code: the provider's error code.
        request_id: the provider's id of the call.
    """

    def __init__(  # noqa: PLR0913 - the facts of one failed attempt
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, param=param, retry_after=retry_after)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.was_rejected = False
        """Whether a successful status carried what others are told with one of a client error."""

    @property
    def may_have_run(self) -> bool:
        """Whether the model may have run, so that the provider may bill the call."""
        is_client_error = self.status is not None and 400 <= self.status < 500  # noqa: PLR2004 - HTTP's client errors
        return not (self.was_rejected or is_client_error)


class ProviderThrottled(ProviderError):
    """The account exceeded its requests or tokens per minute."""


class ProviderBurstThrottled(ProviderError):
    """Requests arrived faster than the provider accepts, whatever the total of the minute."""


class ProviderOverloaded(ProviderError):
    """The provider has no capacity for the model."""


class ProviderFault(ProviderError):
    """The provider had an internal error."""


class ProviderUnreachable(ProviderError):
    """No connection could be made."""

    @property
    def may_have_run(self) -> bool:
        """Return False: nothing was sent."""
        return False


class ProviderConnectTimeout(ProviderUnreachable):
    """No connection could be made in time."""


class ProviderDisconnected(ProviderError):
    """The connection broke after the request was sent and before the response began."""


class ProviderIdleDisconnected(ProviderDisconnected):
    """A reused connection that the server had closed while it was idle."""


class ProviderTimeout(ProviderError):
    """The provider sent nothing for longer than allowed, or the deadline passed."""

    @property
    def may_have_run(self) -> bool:
        """Return True, also for status 408."""
        return True


class ProviderAnswerBroken(ProviderError):
    """The response was cut off or violates the protocol."""


class ProviderOutOfCredit(ProviderError):
    """The account has no credit, or an overdue bill."""


class ProviderKeyRefused(ProviderError):
    """The provider rejects the gateway's key."""


class ProviderModelMissing(ProviderError):
    """The provider has no such model, or our account may not use it."""


class RouteModelMissing(ProviderModelMissing):
    """The model behind an alias is missing: the route is wrong, not the request."""


class ProviderResponseMissing(ProviderError):
    """The provider does not have the stored response, or has it no longer."""


class ProviderRefused(ProviderError):
    """The provider rejects the request itself: a parameter, its content."""


class ProviderContextExceeded(ProviderRefused):
    """The request is longer than the model's context."""


class HttpError(NamedTuple):
    """The HTTP error for a cause: status, OpenAI's `type` and `code`, and `x-should-retry` where the SDKs need it."""

    status: int
    type: str
    code: str
    should_retry: bool | None = None


GATEWAY_HTTP_ERRORS: dict[type[GatewayError], HttpError] = {
    RequestInvalid: HttpError(400, "invalid_request_error", "invalid_request"),
    RequestTooLarge: HttpError(413, "invalid_request_error", "request_too_large"),
    ModelUnknown: HttpError(404, "invalid_request_error", "model_not_found"),
    EndpointNotServed: HttpError(400, "invalid_request_error", "endpoint_not_served"),
    KeyMissing: HttpError(401, "authentication_error", "missing_api_key"),
    KeyUnknown: HttpError(401, "authentication_error", "invalid_api_key"),
    KeyRevoked: HttpError(401, "authentication_error", "revoked_api_key"),
    KeyExpired: HttpError(401, "authentication_error", "expired_api_key"),
    ResponseUnknown: HttpError(404, "invalid_request_error", "response_not_found"),
    CostUnbounded: HttpError(400, "invalid_request_error", "cost_unbounded"),
    BudgetExhausted: HttpError(402, "insufficient_quota", "budget_exhausted", should_retry=False),
    ModelNotAllowed: HttpError(403, "permission_error", "model_not_allowed"),
    RequestLimitExceeded: HttpError(429, "rate_limit_error", "request_limit_exceeded"),
    TokenLimitExceeded: HttpError(429, "rate_limit_error", "token_limit_exceeded"),
    ConcurrencyExceeded: HttpError(429, "rate_limit_error", "concurrency_limit_exceeded"),
    InternalError: HttpError(500, "server_error", "internal_error"),
    LedgerUnavailable: HttpError(503, "server_error", "ledger_unavailable"),
    SecretsUnavailable: HttpError(503, "server_error", "secrets_unavailable"),
    ProviderNotConfigured: HttpError(503, "server_error", "provider_not_configured", should_retry=False),
}
"""The causes that the gateway decides itself; `api.responses.HTTP_ERRORS` has all."""
