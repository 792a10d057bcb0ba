"""Errors that API Gateway itself returns, formatted by the template's GatewayResponses."""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from qwen_gateway_cli.local.apigateway.rest_api import GatewayResponse, RestApi

_CONTEXT = re.compile(r"\$context\.([A-Za-z.]+)")
_AWS_DEFAULT = GatewayResponse(None, {}, '{"message":$context.error.messageString}')


class ApiGatewayError(NamedTuple):
    """An error of API Gateway with its default status and message (developer guide, "Gateway response types")."""

    response_type: str
    status: int
    message: str
    error_type: str
    """The value of the header x-amzn-ErrorType."""


METHOD_MISSING = ApiGatewayError(
    "MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token", "MissingAuthenticationTokenException"
)
"""A path or method that the API does not have, requested without a header Authorization."""
UNSUPPORTED_MEDIA_TYPE = ApiGatewayError(
    "UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type", "UnsupportedMediaTypeException"
)
INVOCATION_REJECTED = ApiGatewayError(
    "INTEGRATION_FAILURE", 504, "Internal server error", "InternalServerErrorException"
)
"""Lambda did not accept the invocation, because no concurrent execution is left."""
MALFORMED_REQUEST = ApiGatewayError(
    "DEFAULT_4XX",
    400,
    "Bad Request",
    "BadRequestException",
)
"""AWS rejects such a request before it selects an API; the emulation uses the format of every other error."""
HEAD_TOO_LARGE = ApiGatewayError(
    "DEFAULT_4XX",
    431,
    "Request Header Fields Too Large",
    "RequestTooLargeException",
)
REQUEST_TOO_LARGE = ApiGatewayError("REQUEST_TOO_LARGE", 413, "Request Too Long", "RequestTooLargeException")
INTEGRATION_TIMEOUT = ApiGatewayError(
    "INTEGRATION_TIMEOUT", 504, "Endpoint request timed out", "InternalServerErrorException"
)
FUNCTION_FAILED = ApiGatewayError("DEFAULT_5XX", 502, "Internal server error", "InternalServerErrorException")
"""The function failed, exited or returned a malformed response. INTEGRATION_FAILURE is for invocations that Lambda
rejects."""
INTERNAL_ERROR = ApiGatewayError("DEFAULT_5XX", 500, "Internal server error", "InternalServerErrorException")
"""Also for a mock integration that cannot apply its request template."""


def build_method_missing_response(authorization: str | None, api: RestApi, request_id: str) -> Response:
    """Return the response where the API has no method.

    With a header Authorization, API Gateway looks for a signature and repeats the header in its message. Which gateway
    response applies is not documented, so the emulation assumes the worst: none.
    """
    if authorization is None:
        return build_error_response(METHOD_MISSING, api, request_id)
    token = authorization.rpartition(" ")[2]
    message = f"'{token}' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'."
    error_type = "IncompleteSignatureException"
    return Response(
        json.dumps({"message": message}),
        403,
        headers={"content-type": "application/json", "x-amzn-errortype": error_type},
    )


def build_error_response(error: ApiGatewayError, api: RestApi, request_id: str) -> Response:
    """Format an error with the template's gateway response, or with API Gateway's default."""
    gateway_response = _find_gateway_response(error, api)
    context = {
        "requestId": request_id,
        "error.message": error.message,
        "error.messageString": json.dumps(error.message),
        "error.responseType": error.response_type,
    }
    body = _CONTEXT.sub(lambda variable: context.get(variable[1], ""), gateway_response.template)
    headers = evaluate_headers(gateway_response.headers, request_id)
    return Response(
        body,
        gateway_response.status or error.status,
        headers={"content-type": "application/json", "x-amzn-errortype": error.error_type, **headers},
    )


def _find_gateway_response(error: ApiGatewayError, api: RestApi) -> GatewayResponse:
    responses = api.gateway_responses
    default = f"DEFAULT_{error.status // 100}XX"
    return responses.get(error.response_type) or responses.get(default) or _AWS_DEFAULT


def evaluate_headers(expressions: Mapping[str, str], request_id: str) -> dict[str, str]:
    """Return response headers from expressions: a literal in quotes, or `context.requestId`."""
    context = {"context.requestId": request_id}
    return {
        name: context[expression] if expression.startswith("context.") else expression.strip("'")
        for name, expression in expressions.items()
    }
