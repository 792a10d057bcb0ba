"""Errors that API Gateway itself returns, formatted by the template's GatewayResponses."""

import json
import re
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


UNKNOWN_ROUTE = ApiGatewayError(
    "MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token", "MissingAuthenticationTokenException"
)
MALFORMED_REQUEST = ApiGatewayError(
    "DEFAULT_4XX",
    400,
    "This is no HTTP request that can be read. Look at its request line, headers, length and chunks.",
    "BadRequestException",
)
"""AWS rejects such a request before it selects an API; the emulation uses the format of every other error."""
HEAD_TOO_LARGE = ApiGatewayError(
    "DEFAULT_4XX",
    431,
    "The path and the headers are larger than 10,240 bytes together. An API key of this gateway has less than 100.",
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
    headers = {name: _evaluate(expression, context) for name, expression in gateway_response.headers.items()}
    return Response(
        body,
        gateway_response.status or error.status,
        headers={"content-type": "application/json", "x-amzn-errortype": error.error_type, **headers},
    )


def _find_gateway_response(error: ApiGatewayError, api: RestApi) -> GatewayResponse:
    responses = api.gateway_responses
    default = f"DEFAULT_{error.status // 100}XX"
    return responses.get(error.response_type) or responses.get(default) or _AWS_DEFAULT


def _evaluate(expression: str, context: dict[str, str]) -> str:
    if expression.startswith("context."):
        return context[expression.removeprefix("context.")]
    return expression.strip("'")
