"""The HTTP error of every cause, in one table for all dialects."""

from collections.abc import Mapping

from qwen_gateway.errors import GATEWAY_HTTP_ERRORS, GatewayError, HttpError
from qwen_gateway.provider_failures import PROVIDER_FAILURES

HTTP_ERRORS: Mapping[type[GatewayError], HttpError] = {
    **GATEWAY_HTTP_ERRORS,
    **{failure.error: failure.http for failure in PROVIDER_FAILURES},
}
"""The HTTP error of every cause, with OpenAI's type; `wire_format` has the types of other dialects."""


def http_error_for(error: GatewayError) -> HttpError:
    """Return the HTTP error of an error's class, or of its nearest parent that has one."""
    return next(HTTP_ERRORS[kind] for kind in type(error).__mro__ if kind in HTTP_ERRORS)
