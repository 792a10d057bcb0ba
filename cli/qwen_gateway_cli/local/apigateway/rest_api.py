"""The REST API of a processed template: its integrations, gateway responses and route matching."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

DEFAULT_TIMEOUT_MS = 29_000
"""API Gateway's timeout for an integration without one."""

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_FUNCTION_IN_URI = re.compile(r"/functions/\$\{(\w+)(?:\.Arn)?\}/(response-streaming-)?invocations")
_PLACEHOLDER = re.compile(r"\$\{([\w:.]+)\}")


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
    body: str


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
    """Matches paths to routes in API Gateway's order: literal segments before parameters before greedy parameters."""

    def __init__(self, routes: Mapping[str, Mapping[str, ProxyIntegration | MockIntegration]]) -> None:
        self._routes = sorted(routes.items(), key=lambda route: _precedence(route[0]))

    def match(self, method: str, raw_path: str) -> RouteMatch | None:
        """Return the route of an encoded path, or None. A trailing slash is ignored."""
        segments = raw_path.rstrip("/").split("/")
        for resource, methods in self._routes:
            parameters = _match_segments(resource.split("/"), segments)
            if parameters is not None:
                integration = methods.get(method)
                return None if integration is None else RouteMatch(resource, integration, parameters)
        return None


class Intrinsics:
    """Resolves `Ref` and `Fn::Sub` of parameters, the only intrinsic functions left in a processed REST API."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        declared = template.get("Parameters", {})
        defaults = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}
        self._values = defaults | dict(parameters)

    def resolve(self, value: Any) -> str:
        """Return a value as text. Raises ValueError for an unsupported intrinsic function or an unknown name."""
        match value:
            case str() | int():
                return str(value)
            case {"Ref": str(name)}:
                return self._parameter(name)
            case {"Fn::Sub": str(text)}:
                return _PLACEHOLDER.sub(lambda placeholder: self._parameter(placeholder[1]), text)
            case {"Fn::Sub": [str(text), dict(variables)]}:
                resolved = {name: self.resolve(each) for name, each in variables.items()}
                return Intrinsics({}, self._values | resolved).resolve({"Fn::Sub": text})
        raise ValueError(f"cannot resolve {value}")

    def _parameter(self, name: str) -> str:
        if name not in self._values:
            raise ValueError(f"unknown parameter {name!r}")
        return self._values[name]


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
        if method not in _METHODS:
            raise ValueError(f"unsupported method {method!r}")
        integration = operation["x-amazon-apigateway-integration"]
        if integration["type"] == "mock":
            yield method.upper(), _parse_mock(intrinsics, integration)
        else:
            yield method.upper(), _parse_proxy(template, intrinsics, integration)


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


def _parse_mock(intrinsics: Intrinsics, integration: Mapping[str, Any]) -> MockIntegration:
    response = integration["responses"]["default"]
    return MockIntegration(
        status=int(response["statusCode"]),
        headers={
            name.removeprefix("method.response.header.").lower(): intrinsics.resolve(value).strip("'")
            for name, value in response["responseParameters"].items()
        },
        body=response["responseTemplates"]["application/json"],
    )


def _parse_gateway_response(intrinsics: Intrinsics, response: Mapping[str, Any]) -> GatewayResponse:
    status = response.get("statusCode")
    return GatewayResponse(
        status=None if status is None else int(status),
        headers={
            name.removeprefix("gatewayresponse.header.").lower(): intrinsics.resolve(value)
            for name, value in response.get("responseParameters", {}).items()
        },
        template=response["responseTemplates"]["application/json"],
    )


def _precedence(resource: str) -> list[int]:
    return [2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in resource.split("/")]


def _match_segments(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    """Return the values of the path parameters, or None when the path does not match the pattern."""
    if len(segments) < len(pattern):
        return None
    parameters = {}
    for position, part in enumerate(pattern):
        if part.endswith("+}"):
            parameters[part[1:-2]] = unquote("/".join(segments[position:]))
            return parameters
        if part.startswith("{") and segments[position]:
            parameters[part[1:-1]] = unquote(segments[position])
        elif part != unquote(segments[position]):
            return None
    return parameters if len(pattern) == len(segments) else None
