"""What the operator is told when AWS does not do what a command asks."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

type AwsFailure = BotoCoreError | ClientError | ResponseParserError
AWS_FAILURES = (BotoCoreError, ClientError, ResponseParserError)

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_NOT_ACCEPTED = frozenset(
    {"InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})

_SESSION_OVER = "The AWS session is over. Sign in again (for example: aws sso login) and repeat the command."
_ADVICE: dict[type[Exception], str] = {
    NoCredentialsError: (
        "No AWS credentials were found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "or sign in with: aws sso login"
    ),
    PartialCredentialsError: "The AWS credentials are not complete: a key id needs its secret, and the reverse.",
    NoRegionError: "No AWS region is set. Set AWS_DEFAULT_REGION, or use a profile that has a region.",
    TokenRetrievalError: _SESSION_OVER,
    SSOTokenLoadError: _SESSION_OVER,
    UnauthorizedSSOTokenError: _SESSION_OVER,
    ResponseParserError: "What answered is not AWS. Check the network, proxies and AWS_ENDPOINT_URL.",
}


def explain(failure: AwsFailure) -> str:
    """Return one line that says what failed and, where it is known, what helps."""
    if isinstance(failure, ClientError):
        return _refusal(failure)
    if isinstance(failure, EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError):
        return f"{failure.kwargs['endpoint_url']} does not answer. Check the network and the region, then repeat."
    return _ADVICE.get(type(failure), _one_line(str(failure)))


def _refusal(failure: ClientError) -> str:
    code = failure.response["Error"]["Code"]
    words = _one_line(failure.response["Error"].get("Message", ""))
    if code in _EXPIRED:
        return _SESSION_OVER
    if code in _NOT_ACCEPTED:
        return f"AWS does not accept these credentials ({code}). Check the profile or the access key."
    if code in _DENIED:
        return f"AWS denies {failure.operation_name} to these credentials: {words}"
    return f"AWS refused {failure.operation_name}: {code}: {words}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
