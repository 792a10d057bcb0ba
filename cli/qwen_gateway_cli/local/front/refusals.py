"""Errors that API Gateway makes by itself, worded as the template's GatewayResponses say."""

import json
import re
from typing import NamedTuple

from starlette.responses import Response

from qwen_gateway_cli.local.front.api import Api, GatewayResponse

_CONTEXT = re.compile(r"\$context\.([A-Za-z.]+)")
_UNCHANGED = GatewayResponse(None, {}, '{"message":$context.error.messageString}')


class Refusal(NamedTuple):
    """An error of API Gateway, with its own status and message (developer guide, "Gateway response types")."""

    kind: str
    status: int
    message: str
    error_type: str
    """The value of the header x-amzn-ErrorType."""


UNKNOWN_ROUTE = Refusal(
    "MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token", "MissingAuthenticationTokenException"
)
MALFORMED = Refusal(
    "DEFAULT_4XX",
    400,
    "This is no HTTP request that can be read. Look at its request line, headers, length and chunks.",
    "BadRequestException",
)
"""AWS breaks off before the API is known, in words of its own; here such a request reads like any other refused one."""
HEAD_TOO_LARGE = Refusal(
    "DEFAULT_4XX",
    431,
    "The path and the headers are larger than 10,240 bytes together. An API key of this gateway has less than 100.",
    "RequestTooLargeException",
)
TOO_LARGE = Refusal("REQUEST_TOO_LARGE", 413, "Request Too Long", "RequestTooLargeException")
TIMED_OUT = Refusal("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out", "InternalServerErrorException")
FUNCTION_FAILED = Refusal("DEFAULT_5XX", 502, "Internal server error", "InternalServerErrorException")
"""A function that failed, died, or answered in the wrong form; INTEGRATION_FAILURE is for calls Lambda refuses."""
BROKEN = Refusal("DEFAULT_5XX", 500, "Internal server error", "InternalServerErrorException")


def response_of(refusal: Refusal, api: Api, request_id: str) -> Response:
    """Word a refusal as the template says, or as API Gateway does where the template says nothing."""
    wording = _wording(refusal, api)
    context = {
        "requestId": request_id,
        "error.message": refusal.message,
        "error.messageString": json.dumps(refusal.message),
        "error.responseType": refusal.kind,
    }
    body = _CONTEXT.sub(lambda variable: context.get(variable[1], ""), wording.template)
    headers = {name: _header(expression, context) for name, expression in wording.headers.items()}
    return Response(
        body,
        wording.status or refusal.status,
        headers={"content-type": "application/json", "x-amzn-errortype": refusal.error_type, **headers},
    )


def _wording(refusal: Refusal, api: Api) -> GatewayResponse:
    responses = api.gateway_responses
    fallback = f"DEFAULT_{refusal.status // 100}XX"
    return responses.get(refusal.kind) or responses.get(fallback) or _UNCHANGED


def _header(expression: str, context: dict[str, str]) -> str:
    if expression.startswith("context."):
        return context[expression.removeprefix("context.")]
    return expression.strip("'")
