"""The error responses of a route by status, from the table of errors and from the template's GatewayResponses."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from qwen_gateway.api import HTTP_ERRORS
from qwen_gateway.errors import DependencyFailed, GatewayError, HttpError, InternalError, LimitRefused, ProviderError
from qwen_gateway_cli.local.apigateway.rest_api import GatewayResponse
from tools.openapi.headers import ADJUSTMENT_HEADERS, LIMIT_HEADERS, PROVIDER_HEADERS, reference_headers
from tools.openapi.operations import Operation
from tools.openapi.schemas import TEXT, TEXT_OR_NULL, Json, build_closed_object

ERROR_EVENT_SCHEMA = build_closed_object(
    {
        "error": build_closed_object(
            {
                "message": {**TEXT, "description": "What is wrong, and what helps."},
                "type": {"type": "string", "description": "OpenAI's class of errors."},
                "param": {**TEXT_OR_NULL, "description": "The field of the request to change."},
                "code": {"type": "string", "description": "The cause. Tell errors apart by this."},
            }
        )
    }
)
ERROR_SCHEMA: Json = {
    **ERROR_EVENT_SCHEMA,
    "required": ["type", "error"],
    "properties": {
        "type": {"const": "error", "description": "For clients of other dialects than OpenAI's."},
        "request_id": {"type": "string", "description": "Only for Anthropic's clients: the response's request-id."},
        **ERROR_EVENT_SCHEMA["properties"],
    },
}

_UNKNOWN_ROUTE = "MISSING_AUTHENTICATION_TOKEN"
_WITHOUT_ROUTE = frozenset({_UNKNOWN_ROUTE, "RESOURCE_NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE"})
_DEFAULTS = {"DEFAULT_4XX": "4XX", "DEFAULT_5XX": "5XX"}


class _Error(NamedTuple):
    code: str
    type: str
    meaning: str
    headers: frozenset[str]


def build_responses(operation: Operation, gateway_responses: Mapping[str, GatewayResponse]) -> Json:
    """Return every error response of a route, by its status."""
    errors = [*_list_function_errors(operation), *_list_gateway_errors(gateway_responses)]
    return {
        # A range applies to each of its statuses: some errors of API Gateway have only the default response.
        status: _build_response([error for own, error in errors if own in {status, f"{status[0]}XX"}])
        for status in sorted({own for own, _ in errors})
    }


def build_unknown_route_response(gateway_responses: Mapping[str, GatewayResponse]) -> Json:
    """Return the response for a route that does not exist."""
    return _build_response([_parse_gateway_error(gateway_responses[_UNKNOWN_ROUTE])])


def _list_function_errors(operation: Operation) -> Iterator[tuple[str, _Error]]:
    for kind, http_error in HTTP_ERRORS.items():
        if issubclass(kind, operation.errors):
            yield (
                str(http_error.status),
                _Error(
                    http_error.code,
                    operation.wire.error_type(http_error),
                    _read_meaning(kind),
                    _list_headers(kind, http_error, operation),
                ),
            )


def _list_headers(kind: type[GatewayError], http_error: HttpError, operation: Operation) -> frozenset[str]:
    names = {"x-request-id", "request-id"} & set(operation.headers)
    if http_error.should_retry is not None:
        names.add("x-should-retry")
    if issubclass(kind, ProviderError | DependencyFailed | LimitRefused):
        names.add("retry-after")
    if issubclass(kind, ProviderError | DependencyFailed | InternalError | LimitRefused):
        names.update(set(LIMIT_HEADERS) & set(operation.headers))
    if issubclass(kind, ProviderError | InternalError):
        names.update({*PROVIDER_HEADERS, *ADJUSTMENT_HEADERS} & set(operation.headers))
    return frozenset(names)


def _read_meaning(kind: type[GatewayError]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _list_gateway_errors(gateway_responses: Mapping[str, GatewayResponse]) -> Iterator[tuple[str, _Error]]:
    for kind, response in gateway_responses.items():
        if kind not in _WITHOUT_ROUTE:
            status = _DEFAULTS[kind] if response.status is None else str(response.status)
            yield status, _parse_gateway_error(response)


def _parse_gateway_error(response: GatewayResponse) -> _Error:
    error = json.loads(response.template)["error"]
    own = frozenset(name for name in response.headers if not name.startswith("access-control-"))
    return _Error(error["code"], error["type"], error["message"], own)


def _build_response(errors: list[_Error]) -> Json:
    meanings: dict[str, list[str]] = {}
    for error in errors:
        if error.meaning not in meanings.setdefault(error.code, []):
            meanings[error.code].append(error.meaning)
    fields: Json = {
        "type": {"enum": sorted({error.type for error in errors})},
        "code": {"enum": sorted(meanings)},
    }
    return {
        "description": "\n".join(f"- `{code}`: {' '.join(words)}" for code, words in meanings.items()),
        "headers": reference_headers(set[str]().union(*(error.headers for error in errors))),
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Error"},
                        {"properties": {"error": {"properties": fields}}},
                    ]
                }
            }
        },
    }
