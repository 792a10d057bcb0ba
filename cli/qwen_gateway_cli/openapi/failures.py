"""The errors of a route by status: from the table of errors, and from what API Gateway is told to say by itself."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qwen_gateway.api import HTTP_ERRORS
from qwen_gateway.errors import DependencyFailed, GatewayError, HttpError, InternalError, ProviderError
from qwen_gateway_cli.local.apigateway.rest_api import GatewayResponse
from qwen_gateway_cli.openapi.headers import referred
from qwen_gateway_cli.openapi.operations import PROVIDER_HEADERS, Operation

Json = dict[str, Any]

ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string", "minLength": 1, "description": "What is wrong, and what helps."},
                "type": {"type": "string", "description": "OpenAI's class of errors."},
                "param": {"type": ["string", "null"], "description": "The field of the request to change."},
                "code": {"type": "string", "description": "The cause. Tell errors apart by this."},
            },
        }
    },
}

_UNKNOWN_ROUTE = "MISSING_AUTHENTICATION_TOKEN"
_OF_NO_ROUTE = frozenset({_UNKNOWN_ROUTE, "RESOURCE_NOT_FOUND"})
_DEFAULTS = {"DEFAULT_4XX": "4XX", "DEFAULT_5XX": "5XX"}
_SAID_BY_API_GATEWAY = "$context.error.messageString"


class _Failure(NamedTuple):
    code: str
    type: str
    means: str
    headers: frozenset[str]


def responses(operation: Operation, edge: Mapping[str, GatewayResponse]) -> Json:
    """Return every failed response of a route, by its status."""
    failures = [*_told(operation), *_told_by_the_edge(edge)]
    return {
        # A range holds for each of its statuses: API Gateway has errors that are worded by the default alone.
        status: _response([failure for told, failure in failures if told in {status, f"{status[0]}XX"}])
        for status in sorted({told for told, _ in failures})
    }


def unknown_route(edge: Mapping[str, GatewayResponse]) -> Json:
    """Return the response to what is not served."""
    return _response([_edge_failure(edge[_UNKNOWN_ROUTE])])


def _told(operation: Operation) -> Iterator[tuple[str, _Failure]]:
    for kind, answer in HTTP_ERRORS.items():
        if issubclass(kind, operation.failures):
            yield (
                str(answer.status),
                _Failure(answer.code, answer.type, _meaning(kind), _headers(kind, answer, operation)),
            )


def _headers(kind: type[GatewayError], answer: HttpError, operation: Operation) -> frozenset[str]:
    names = {"x-request-id"}
    if answer.should_retry is not None:
        names.add("x-should-retry")
    if issubclass(kind, ProviderError | DependencyFailed):
        names.add("retry-after")
    if issubclass(kind, ProviderError | InternalError):
        names.update(set(PROVIDER_HEADERS) & set(operation.headers))
    return frozenset(names)


def _meaning(kind: type[GatewayError]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _told_by_the_edge(edge: Mapping[str, GatewayResponse]) -> Iterator[tuple[str, _Failure]]:
    for kind, response in edge.items():
        if kind not in _OF_NO_ROUTE:
            status = _DEFAULTS[kind] if response.status is None else str(response.status)
            yield status, _edge_failure(response)


def _edge_failure(response: GatewayResponse) -> _Failure:
    error = json.loads(response.template.replace(_SAID_BY_API_GATEWAY, '"In API Gateway\'s words."'))["error"]
    own = frozenset(name for name in response.headers if not name.startswith("access-control-"))
    return _Failure(error["code"], error["type"], error["message"], own)


def _response(failures: list[_Failure]) -> Json:
    meanings: dict[str, list[str]] = {}
    for failure in failures:
        if failure.means not in meanings.setdefault(failure.code, []):
            meanings[failure.code].append(failure.means)
    told: Json = {
        "type": {"enum": sorted({failure.type for failure in failures})},
        "code": {"enum": sorted(meanings)},
    }
    return {
        "description": "\n".join(f"- `{code}`: {' '.join(words)}" for code, words in meanings.items()),
        "headers": referred(set[str]().union(*(failure.headers for failure in failures))),
        "content": {
            "application/json": {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Error"},
                        {"properties": {"error": {"properties": told}}},
                    ]
                }
            }
        },
    }
