"""Errors of AWS calls, and one line for the operator about each."""

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

type AwsError = BotoCoreError | ClientError | ResponseParserError
AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)

_EXPIRED_SESSION = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_INVALID_CREDENTIALS = frozenset(
    {"InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})

_SIGN_IN_AGAIN = "The AWS session has expired. Sign in again (for example: aws sso login) and repeat the command."
_MESSAGES: dict[type[Exception], str] = {
    NoCredentialsError: (
        "No AWS credentials were found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "or sign in with: aws sso login"
    ),
    PartialCredentialsError: "The AWS credentials are incomplete: an access key ID and its secret are both required.",
    NoRegionError: "No AWS region is set. Set AWS_DEFAULT_REGION, or use a profile that has a region.",
    TokenRetrievalError: _SIGN_IN_AGAIN,
    SSOTokenLoadError: _SIGN_IN_AGAIN,
    UnauthorizedSSOTokenError: _SIGN_IN_AGAIN,
    ResponseParserError: "The response does not come from AWS. Check the network, proxies and AWS_ENDPOINT_URL.",
}


def explain_aws_error(error: AwsError) -> str:
    """Return one line with the cause and, where it is known, the remedy."""
    if isinstance(error, ClientError):
        return _explain_client_error(error)
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError):
        return f"{error.kwargs['endpoint_url']} does not answer. Check the network and the region, then repeat."
    return _MESSAGES.get(type(error), _join_lines(str(error)))


def _explain_client_error(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    message = _join_lines(error.response["Error"].get("Message", ""))
    if code in _EXPIRED_SESSION:
        return _SIGN_IN_AGAIN
    if code in _INVALID_CREDENTIALS:
        return f"AWS does not accept these credentials ({code}). Check the profile or the access key."
    if code in _DENIED:
        return f"AWS denies {error.operation_name} to these credentials: {message}"
    return f"AWS refused {error.operation_name}: {code}: {message}"


def _join_lines(text: str) -> str:
    return " ".join(text.split())
