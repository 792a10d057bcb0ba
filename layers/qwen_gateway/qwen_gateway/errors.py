"""What can go wrong, named by cause, and what a client is told about each: one table.

Every failure that a client may see is a `GatewayError`. The HTTP edge looks its class up in `ANSWERS`;
nothing else decides a status. The tree:

    GatewayError
    ├── RequestRefused            what the client sent
    │   ├── RequestInvalid  RequestTooLarge  ModelUnknown
    ├── KeyRefused                who the client is
    │   ├── KeyMissing  KeyUnknown  KeyRevoked  KeyExpired
    ├── Defect                    what the gateway did wrong itself
    ├── DependencyFailed          what the gateway itself needs
    │   ├── LedgerUnavailable  SecretsUnavailable  ProviderNotConfigured
    └── ProviderError             what the provider did
        ├── ProviderThrottled  ProviderBurstThrottled  ProviderOverloaded  ProviderFault
        ├── ProviderTimeout  ProviderAnswerBroken
        ├── ProviderUnreachable ─ ProviderConnectTimeout
        ├── ProviderDisconnected ─ ProviderIdleDisconnected
        ├── ProviderOutOfCredit  ProviderKeyRefused  ProviderRefused
        └── ProviderModelMissing ─ RouteModelMissing
"""

from typing import NamedTuple


class GatewayError(Exception):
    """A failure that the client is told about.

    `message` goes to the client alone and never into a log: a provider's words may quote a prompt.
    `param` is the field of the request to change, `retry_after` seconds after which repeating helps.
    """

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after


class RequestRefused(GatewayError):
    """The request cannot be served as it was sent."""


class RequestInvalid(RequestRefused):
    """The body or one of its fields has the wrong form."""


class RequestTooLarge(RequestRefused):
    """The body does not fit into one Lambda event."""


class ModelUnknown(RequestRefused):
    """No route has the model's name."""


class KeyRefused(GatewayError):
    """The API key does not open the gateway."""


class KeyMissing(KeyRefused):
    """No bearer token was sent."""


class KeyUnknown(KeyRefused):
    """The token was never given out, or is not the whole of it."""


class KeyRevoked(KeyRefused):
    """The key was switched off by its owner."""


class KeyExpired(KeyRefused):
    """The key's time is over."""


class Defect(GatewayError):
    """An exception that nobody foresaw, as the client reads of it; `unforeseen` is for the log."""

    def __init__(self, unforeseen: Exception) -> None:
        super().__init__("The gateway has a defect. Its owner finds it in the function's log under this x-request-id.")
        self.unforeseen = unforeseen


class DependencyFailed(GatewayError):
    """Something that the gateway itself needs did not work."""


class LedgerUnavailable(DependencyFailed):
    """DynamoDB did not answer."""


class SecretsUnavailable(DependencyFailed):
    """Secrets Manager did not answer, and no earlier value is known."""


class ProviderNotConfigured(DependencyFailed):
    """The secret holds no key for the provider."""


class ProviderError(GatewayError):
    """The provider did not give an answer.

    `status` and `code` are the provider's own (both None when it said nothing), `request_id` is the id
    that it gave the call.
    """

    def __init__(  # noqa: PLR0913 - what is known of one failed attempt
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

    @property
    def may_have_run(self) -> bool:
        """Whether the model may have run, so that the provider may bill the call."""
        return self.status is None or not 400 <= self.status < 500  # noqa: PLR2004 - HTTP's client errors


class ProviderThrottled(ProviderError):
    """The account's requests or tokens per minute are spent."""


class ProviderBurstThrottled(ProviderError):
    """Requests came faster than the provider accepts, whatever the minute's total."""


class ProviderOverloaded(ProviderError):
    """The provider has no capacity for the model now."""


class ProviderFault(ProviderError):
    """The provider failed inside."""


class ProviderUnreachable(ProviderError):
    """No connection could be made."""

    @property
    def may_have_run(self) -> bool:
        """Nothing was sent."""
        return False


class ProviderConnectTimeout(ProviderUnreachable):
    """No connection could be made in time."""


class ProviderDisconnected(ProviderError):
    """The connection broke after the request was sent and before an answer began."""


class ProviderIdleDisconnected(ProviderDisconnected):
    """The connection had served before, and the server had closed it meanwhile."""


class ProviderTimeout(ProviderError):
    """The provider was silent for longer than allowed, or the deadline came."""

    @property
    def may_have_run(self) -> bool:
        """Also where the provider tells it as a client's error: status 408."""
        return True


class ProviderAnswerBroken(ProviderError):
    """The answer was cut off or was not what the protocol allows."""


class ProviderOutOfCredit(ProviderError):
    """The account has no money, or a bill is open."""


class ProviderKeyRefused(ProviderError):
    """The provider does not accept our key."""


class ProviderModelMissing(ProviderError):
    """The provider has no such model, or our account may not use it."""


class RouteModelMissing(ProviderModelMissing):
    """The client named an alias, and the model behind it is missing: the route is wrong, not the client."""


class ProviderRefused(ProviderError):
    """The provider judged the request itself: a parameter, its content, its length."""


class Answer(NamedTuple):
    """How a cause is told: HTTP status, OpenAI's `type` and `code`, and `x-should-retry` where the SDKs need it."""

    status: int
    type: str
    code: str
    should_retry: bool | None = None


ANSWERS: dict[type[GatewayError], Answer] = {
    RequestInvalid: Answer(400, "invalid_request_error", "invalid_request"),
    RequestTooLarge: Answer(413, "invalid_request_error", "request_too_large"),
    ModelUnknown: Answer(404, "invalid_request_error", "model_not_found"),
    KeyMissing: Answer(401, "authentication_error", "missing_api_key"),
    KeyUnknown: Answer(401, "authentication_error", "invalid_api_key"),
    KeyRevoked: Answer(401, "authentication_error", "revoked_api_key"),
    KeyExpired: Answer(401, "authentication_error", "expired_api_key"),
    Defect: Answer(500, "server_error", "internal_error"),
    LedgerUnavailable: Answer(503, "server_error", "ledger_unavailable"),
    SecretsUnavailable: Answer(503, "server_error", "secrets_unavailable"),
    ProviderNotConfigured: Answer(503, "server_error", "provider_not_configured", should_retry=False),
    ProviderThrottled: Answer(429, "rate_limit_error", "provider_throttled", should_retry=False),
    ProviderBurstThrottled: Answer(429, "rate_limit_error", "provider_throttled", should_retry=False),
    ProviderOverloaded: Answer(503, "server_error", "provider_overloaded", should_retry=False),
    ProviderFault: Answer(503, "server_error", "provider_failed", should_retry=False),
    ProviderUnreachable: Answer(503, "server_error", "provider_unreachable", should_retry=False),
    ProviderDisconnected: Answer(503, "server_error", "provider_unreachable", should_retry=False),
    ProviderTimeout: Answer(504, "timeout_error", "provider_timeout", should_retry=False),
    ProviderAnswerBroken: Answer(502, "server_error", "provider_answer_broken", should_retry=False),
    ProviderOutOfCredit: Answer(503, "server_error", "provider_out_of_credit", should_retry=False),
    ProviderKeyRefused: Answer(502, "server_error", "provider_auth_failed", should_retry=False),
    ProviderModelMissing: Answer(404, "invalid_request_error", "model_not_found"),
    RouteModelMissing: Answer(502, "server_error", "route_model_missing", should_retry=False),
    ProviderRefused: Answer(400, "invalid_request_error", "provider_refused"),
}
