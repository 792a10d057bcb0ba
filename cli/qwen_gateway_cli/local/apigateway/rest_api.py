"""The REST API of a processed template: its integrations, gateway responses and route matching."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from qwen_gateway_cli.local.apigateway.intrinsics import Intrinsics

DEFAULT_TIMEOUT_MS = 29_000
"""API Gateway's timeout for an integration without one."""

ANY = "ANY"
"""The method of an integration that answers every method without one of its own."""

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_ANY_METHOD = "x-amazon-apigateway-any-method"
_FUNCTION_IN_URI = re.compile(r"/functions/\$\{(\w+)(?:\.Arn)?\}/(response-streaming-)?invocations")


class ProxyIntegration(NamedTuple):
    """A Lambda proxy integration."""

    function: str
    """Logical id."""
    timeout_s: float
    streams: bool = False
    """Whether responseTransferMode is STREAM."""


class MockIntegration(NamedTuple):
    """A MOCK integration: API Gateway answers without a function, for example a CORS preflight."""

    status: int
    headers: dict[str, str]
    """Name to expression: a literal in quotes, or `context.<name>`."""
    body: str
    request_types: frozenset[str]
    """Media types that have a request template."""
    rejects_other_types: bool = False
    """Whether passthroughBehavior is NEVER: a 415, where the mock otherwise fails without its template."""
    converts_to_text: bool = False
    """Whether contentHandling is CONVERT_TO_TEXT: without it a mock fails with a binary body."""


class GatewayResponse(NamedTuple):
    """The template's format of an error that API Gateway itself returns."""

    status: int | None
    """None keeps the error's own status."""
    headers: dict[str, str]
    """Name to expression: a literal in quotes, or `context.<name>`."""
    template: str
    """A body in which `$context.<name>` is replaced."""


class RestApi(NamedTuple):
    """A REST API."""

    stage: str
    routes: dict[str, dict[str, ProxyIntegration | MockIntegration]]
    """Path of the template to upper-case method to integration."""
    gateway_responses: dict[str, GatewayResponse]
    binary_media_types: frozenset[str]

    @property
    def functions(self) -> frozenset[str]:
        """The logical ids of the integrated functions."""
        integrations = [integration for methods in self.routes.values() for integration in methods.values()]
        return frozenset(each.function for each in integrations if isinstance(each, ProxyIntegration))


class RouteMatch(NamedTuple):
    """A route that matches a request."""

    resource: str
    """The route's path in the template."""
    integration: ProxyIntegration | MockIntegration
    path_parameters: dict[str, str]
    """Decoded."""


class Router:
    """Matches paths to routes in API Gateway's order: literal segments before parameters before greedy parameters.

    A prefix of a route is a resource without a method. API Gateway does not document whether a path that leads into one
    falls back to a greedy route above it, so the emulation assumes the worst: it does not.
    """

    def __init__(self, routes: Mapping[str, Mapping[str, ProxyIntegration | MockIntegration]]) -> None:
        self._routes = dict(routes)
        self._children: dict[str, list[str]] = {}
        for resource in routes:
            parent = ""
            for part in [] if resource == "/" else resource.split("/")[1:]:
                siblings = self._children.setdefault(parent, [])
                if part not in siblings:
                    siblings.append(part)
                    siblings.sort(key=_precedence)
                parent = f"{parent}/{part}"

    def match(self, method: str, raw_path: str) -> RouteMatch | None:
        """Return the route of an encoded path, or None. A trailing slash is ignored."""
        segments = raw_path.rstrip("/").split("/")[1:]
        resource, parameters = "", dict[str, str]()
        for position, segment in enumerate(segments):
            part = self._find_child(resource, segment)
            if part is None:
                return None
            resource = f"{resource}/{part}"
            if part.endswith("+}"):
                parameters[part[1:-2]] = unquote("/".join(segments[position:]))
                break
            if part.startswith("{"):
                parameters[part[1:-1]] = unquote(segment)
        methods = self._routes.get(resource or "/", {})
        integration = methods.get(method) or methods.get(ANY)
        return None if integration is None else RouteMatch(resource or "/", integration, parameters)

    def _find_child(self, resource: str, segment: str) -> str | None:
        """Return the most specific part below a resource that matches a segment of the path."""
        for part in self._children.get(resource, ()):
            if part.endswith("+}") or (segment if part.startswith("{") else part == unquote(segment)):
                return part
        return None


def parse_rest_api(template: Mapping[str, Any], parameters: Mapping[str, str]) -> RestApi:
    """Parse the template's only REST API. Raises ValueError for what the emulation does not support."""
    body = _find_only(template, "AWS::ApiGateway::RestApi")["Body"]
    intrinsics = Intrinsics(template, parameters)
    return RestApi(
        stage=intrinsics.resolve(_find_only(template, "AWS::ApiGateway::Stage")["StageName"]),
        routes={path: dict(_parse_methods(template, intrinsics, methods)) for path, methods in body["paths"].items()},
        gateway_responses={
            response_type: _parse_gateway_response(intrinsics, response)
            for response_type, response in body.get("x-amazon-apigateway-gateway-responses", {}).items()
        },
        binary_media_types=frozenset(body.get("x-amazon-apigateway-binary-media-types", [])),
    )


def _find_only(template: Mapping[str, Any], resource_type: str) -> Any:
    found = [each["Properties"] for each in template["Resources"].values() if each["Type"] == resource_type]
    if len(found) != 1:
        raise ValueError(f"the template must have one {resource_type}, and has {len(found)}")
    return found[0]


def _parse_methods(
    template: Mapping[str, Any], intrinsics: Intrinsics, methods: Mapping[str, Any]
) -> Iterator[tuple[str, ProxyIntegration | MockIntegration]]:
    for method, operation in methods.items():
        if method not in {*_METHODS, _ANY_METHOD}:
            raise ValueError(f"unsupported method {method!r}")
        name = ANY if method == _ANY_METHOD else method.upper()
        integration = operation["x-amazon-apigateway-integration"]
        if integration["type"] == "mock":
            yield name, _parse_mock(intrinsics, operation)
        else:
            yield name, _parse_proxy(template, intrinsics, integration)


def _parse_proxy(
    template: Mapping[str, Any], intrinsics: Intrinsics, integration: Mapping[str, Any]
) -> ProxyIntegration:
    """Resolve the integration's URI to its function, through the alias."""
    uri = integration["uri"]
    target = _FUNCTION_IN_URI.search(uri["Fn::Sub"])
    if target is None:
        raise ValueError(f"the integration's URI {uri} has no function")
    streams = integration.get("responseTransferMode", "BUFFERED") == "STREAM"
    if streams != (target[2] is not None):
        raise ValueError(f"the integration's URI {uri} does not match its responseTransferMode")
    resource = template["Resources"][target[1]]
    function = resource["Properties"]["FunctionName"]["Ref"] if resource["Type"] == "AWS::Lambda::Alias" else target[1]
    timeout_ms = float(intrinsics.resolve(integration.get("timeoutInMillis", DEFAULT_TIMEOUT_MS)))
    return ProxyIntegration(function, timeout_ms / 1000, streams)


def _parse_mock(intrinsics: Intrinsics, operation: Mapping[str, Any]) -> MockIntegration:
    """Parse a mock; API Gateway rejects the import of a status or header that the method does not declare."""
    integration = operation["x-amazon-apigateway-integration"]
    response = integration["responses"]["default"]
    declared = operation["responses"].get(response["statusCode"])
    headers = {
        name.removeprefix("method.response.header."): intrinsics.resolve(value)
        for name, value in response["responseParameters"].items()
    }
    if declared is None or headers.keys() - declared.get("headers", {}).keys():
        raise ValueError(
            f"the method does not declare the status {response['statusCode']} with each header of its mock"
        )
    return MockIntegration(
        status=int(response["statusCode"]),
        headers={name.lower(): value for name, value in headers.items()},
        body=response["responseTemplates"]["application/json"],
        request_types=frozenset(integration["requestTemplates"]),
        rejects_other_types=integration.get("passthroughBehavior", "when_no_match") == "never",
        converts_to_text=integration.get("contentHandling") == "CONVERT_TO_TEXT",
    )


def _parse_gateway_response(intrinsics: Intrinsics, response: Mapping[str, Any]) -> GatewayResponse:
    status = intrinsics.resolve(response.get("statusCode"))
    return GatewayResponse(
        status=None if status is None else int(status),
        headers={
            name.removeprefix("gatewayresponse.header.").lower(): intrinsics.resolve(value)
            for name, value in response.get("responseParameters", {}).items()
        },
        template=intrinsics.resolve(response["responseTemplates"])["application/json"],
    )


def _precedence(part: str) -> int:
    return 2 if part.endswith("+}") else 1 if part.startswith("{") else 0
