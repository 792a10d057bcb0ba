"""What the processed template says of the REST API, as a small model."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qwen_gateway_cli.local.front.intrinsics import Intrinsics

DEFAULT_TIMEOUT_MS = 29_000
"""API Gateway's limit for an integration that names none."""

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_FUNCTION_IN_URI = re.compile(r"/functions/\$\{(\w+)(?:\.Arn)?\}/(response-streaming-)?invocations")


class Proxy(NamedTuple):
    """A route that a function answers."""

    function: str
    """Logical id."""
    timeout_s: float
    streams: bool = False
    """Whether the answer goes on to the client while the function gives it."""


class Mock(NamedTuple):
    """A route that API Gateway answers by itself: the CORS preflight."""

    status: int
    headers: dict[str, str]
    body: str


class GatewayResponse(NamedTuple):
    """How API Gateway words an error of its own."""

    status: int | None
    """None leaves the error's own status."""
    headers: dict[str, str]
    """Name to expression: a literal in quotes, or `context.<name>`."""
    template: str
    """A body in which `$context.<name>` is replaced."""


class Api(NamedTuple):
    """A REST API."""

    stage: str
    routes: dict[str, dict[str, Proxy | Mock]]
    """Path of the template to method, in capitals, to what answers it."""
    gateway_responses: dict[str, GatewayResponse]
    binary_media_types: frozenset[str]

    def functions(self) -> frozenset[str]:
        """Return the logical ids of the functions behind the routes."""
        integrations = [integration for methods in self.routes.values() for integration in methods.values()]
        return frozenset(each.function for each in integrations if isinstance(each, Proxy))


def api_of(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Api:
    """Read the template's only REST API. Raises ValueError for what this front does not understand."""
    body = _only(template, "AWS::ApiGateway::RestApi")["Body"]
    intrinsics = Intrinsics(template, parameters)
    return Api(
        stage=intrinsics.text(_only(template, "AWS::ApiGateway::Stage")["StageName"]),
        routes={path: dict(_methods(template, intrinsics, methods)) for path, methods in body["paths"].items()},
        gateway_responses={
            kind: _gateway_response(intrinsics, response)
            for kind, response in body.get("x-amazon-apigateway-gateway-responses", {}).items()
        },
        binary_media_types=frozenset(body.get("x-amazon-apigateway-binary-media-types", [])),
    )


def _only(template: Mapping[str, Any], kind: str) -> Any:
    found = [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == kind]
    if len(found) != 1:
        raise ValueError(f"the template must have one {kind}, and has {len(found)}")
    return found[0]


def _methods(
    template: Mapping[str, Any], intrinsics: Intrinsics, methods: Mapping[str, Any]
) -> Iterator[tuple[str, Proxy | Mock]]:
    for method, operation in methods.items():
        if method not in _METHODS:
            raise ValueError(f"the front does not know the method {method!r}")
        integration = operation["x-amazon-apigateway-integration"]
        if integration["type"] == "mock":
            yield method.upper(), _mock(intrinsics, integration)
        else:
            yield method.upper(), _proxy(template, intrinsics, integration)


def _proxy(template: Mapping[str, Any], intrinsics: Intrinsics, integration: Mapping[str, Any]) -> Proxy:
    """Follow the integration's address over the alias to the function."""
    uri = integration["uri"]
    named = _FUNCTION_IN_URI.search(uri["Fn::Sub"])
    if named is None:
        raise ValueError(f"no function stands in the integration's address {uri}")
    streams = integration.get("responseTransferMode", "BUFFERED") == "STREAM"
    if streams != (named[2] is not None):
        raise ValueError(f"the integration's address {uri} belongs to another responseTransferMode")
    resource = template["Resources"][named[1]]
    function = resource["Properties"]["FunctionName"]["Ref"] if resource["Type"] == "AWS::Lambda::Alias" else named[1]
    timeout_ms = float(intrinsics.text(integration.get("timeoutInMillis", DEFAULT_TIMEOUT_MS)))
    return Proxy(function, timeout_ms / 1000, streams)


def _mock(intrinsics: Intrinsics, integration: Mapping[str, Any]) -> Mock:
    response = integration["responses"]["default"]
    return Mock(
        status=int(response["statusCode"]),
        headers={
            name.removeprefix("method.response.header.").lower(): intrinsics.text(value).strip("'")
            for name, value in response["responseParameters"].items()
        },
        body=response["responseTemplates"]["application/json"],
    )


def _gateway_response(intrinsics: Intrinsics, response: Mapping[str, Any]) -> GatewayResponse:
    status = response.get("statusCode")
    return GatewayResponse(
        status=None if status is None else int(status),
        headers={
            name.removeprefix("gatewayresponse.header.").lower(): intrinsics.text(value)
            for name, value in response.get("responseParameters", {}).items()
        },
        template=response["responseTemplates"]["application/json"],
    )
