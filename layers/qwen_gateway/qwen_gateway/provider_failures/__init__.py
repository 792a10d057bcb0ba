"""The failures of providers: how each is recognized, what may follow it, and what the client gets."""

from qwen_gateway.provider_failures.classification import classify, quotable_message
from qwen_gateway.provider_failures.error_body import ErrorBody, is_error_body, parse_error_body
from qwen_gateway.provider_failures.messages import EVENT, StatusWithMessage
from qwen_gateway.provider_failures.table import (
    PROVIDER_FAILURES,
    CodeInMessage,
    Fallback,
    ProviderFailure,
    Retry,
    RetryRule,
    failure_of,
)

__all__ = [
    "EVENT",
    "PROVIDER_FAILURES",
    "CodeInMessage",
    "ErrorBody",
    "Fallback",
    "ProviderFailure",
    "Retry",
    "RetryRule",
    "StatusWithMessage",
    "classify",
    "failure_of",
    "is_error_body",
    "parse_error_body",
    "quotable_message",
]
