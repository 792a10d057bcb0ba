"""Starts an API Gateway emulation with functions from the test's source text, behind a small processed template."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qwen_gateway_cli.local.apigateway.settings import FunctionSettings, GatewaySettings

ROOT = Path(__file__).parents[3]
WRAPPER = ROOT / "layers" / "qwen_gateway" / "qwen-gateway-runtime"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:{}"

GATEWAY_RESPONSES = {
    "DEFAULT_5XX": {
        "responseParameters": {"gatewayresponse.header.x-request-id": "context.requestId"},
        "responseTemplates": {"application/json": '{"error":{"message":"failed","code":"gateway_failed"}}'},
    },
    "INTEGRATION_FAILURE": {
        "statusCode": "503",
        "responseParameters": {"gatewayresponse.header.retry-after": "'1'"},
        "responseTemplates": {"application/json": '{"error":{"code":"gateway_busy"}}'},
    },
    "UNSUPPORTED_MEDIA_TYPE": {
        "statusCode": "404",
        "responseTemplates": {"application/json": '{"error":{"code":"unknown_type"}}'},
    },
    "MISSING_AUTHENTICATION_TOKEN": {
        "statusCode": "404",
        "responseParameters": {
            "gatewayresponse.header.x-request-id": "context.requestId",
            "gatewayresponse.header.access-control-allow-origin": {"Fn::Sub": "'${Origin}'"},
        },
        "responseTemplates": {"application/json": '{"error":{"message":$context.error.messageString}}'},
    },
}
PREFLIGHT = {
    "responses": {"200": {"headers": {"Access-Control-Allow-Origin": {}, "Access-Control-Allow-Methods": {}}}},
    "x-amazon-apigateway-integration": {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode" : 200}'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseTemplates": {"application/json": "{}\n"},
                "responseParameters": {
                    "method.response.header.Access-Control-Allow-Origin": {"Fn::Sub": "'${Origin}'"},
                    "method.response.header.Access-Control-Allow-Methods": "'GET,POST,OPTIONS'",
                },
            }
        },
    },
}


def unknown_route(**changes: Any) -> dict[str, Any]:
    """Return a method that answers 404 without a function."""
    integration = {
        "type": "mock",
        "passthroughBehavior": "never",
        "contentHandling": "CONVERT_TO_TEXT",
        "requestTemplates": {"application/json": '{"statusCode": 404}'},
        "responses": {
            "default": {
                "statusCode": "404",
                "responseParameters": {"method.response.header.x-request-id": "context.requestId"},
                "responseTemplates": {"application/json": '{"error":{"code":"unknown_route"}}'},
            }
        },
    }
    kept = {name: value for name, value in (integration | changes).items() if value is not None}
    responses = {"404": {"headers": {"x-request-id": {}}}}
    return {"responses": responses, "x-amazon-apigateway-integration": kept}


@dataclass(frozen=True)
class Route:
    """A route of the API; each of its methods invokes the function."""

    path: str
    function: str
    methods: tuple[str, ...] = ("post",)
    timeout_ms: int | None = None
    streams: bool = False


def template(
    routes: list[Route],
    gateway_responses: Mapping[str, Any] = GATEWAY_RESPONSES,
    mocks: Mapping[str, Mapping[str, Any]] = {},
) -> dict[str, Any]:
    """Return a template in the form of SAM's transform: aliases for functions, mock integrations for CORS.

    `mocks` are paths whose method ANY answers 404, with changes of the integration (None removes a field).
    """
    paths: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    for route in routes:
        alias = f"{route.function}Aliaslive"
        path = f"2021-11-15/functions/${{{alias}}}/response-streaming-invocations"
        if not route.streams:
            path = f"2015-03-31/functions/${{{alias}}}/invocations"
        uri = f"arn:aws:apigateway:${{AWS::Region}}:lambda:path/{path}"
        integration: dict[str, Any] = {"type": "aws_proxy", "httpMethod": "POST", "uri": {"Fn::Sub": uri}}
        if route.timeout_ms is not None:
            integration["timeoutInMillis"] = route.timeout_ms
        if route.streams:
            integration["responseTransferMode"] = "STREAM"
        paths[route.path] = {method: {"x-amazon-apigateway-integration": integration} for method in route.methods}
        paths[route.path]["options"] = PREFLIGHT
        resources[alias] = {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": route.function}}}
    for path, changes in mocks.items():
        paths.setdefault(path, {})["x-amazon-apigateway-any-method"] = unknown_route(**changes)
    body = {
        "paths": paths,
        "x-amazon-apigateway-binary-media-types": ["multipart/form-data"],
        "x-amazon-apigateway-gateway-responses": gateway_responses,
    }
    resources["Api"] = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}}
    resources["Stage"] = {"Type": "AWS::ApiGateway::Stage", "Properties": {"StageName": "api"}}
    return {"Parameters": {"Origin": {"Type": "String", "Default": "*"}}, "Resources": resources}


@dataclass(frozen=True)
class Reply:
    """A response to a client."""

    status: int
    header_list: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.header_list}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RunningGateway:
    """A running API Gateway emulation, as a process."""

    def __init__(self, process: subprocess.Popen[str], url: str, folder: Path) -> None:
        self.process = process
        self.url = url
        self.folder = folder

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)

    def ask(
        self,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Reply:
        connection = self.connection()
        try:
            connection.request(method, path, body, dict(headers or {}))
            return reply(connection)
        finally:
            connection.close()

    def log(self, name: str = "gateway") -> str:
        return (self.folder / "logs" / f"{name}.log").read_text(encoding="utf-8")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=20)


def reply(connection: http.client.HTTPConnection) -> Reply:
    response = connection.getresponse()
    return Reply(response.status, response.getheaders(), response.read())


def settings(folder: Path, api: dict[str, Any], sources: Mapping[str, str], **changes: Any) -> GatewaySettings:
    """Write the functions' sources, each with a `handle`, and return the settings that run them."""
    (folder / "logs").mkdir()
    task_root = folder / "functions"
    task_root.mkdir()
    for name, source in sources.items():
        (task_root / f"{name.lower()}.py").write_text(source, encoding="utf-8")
    timeout_s = changes.pop("timeout_s", 20)
    functions = {
        name: FunctionSettings(
            name=f"stack-{name}",
            arn=ARN.format(f"stack-{name}"),
            handler=f"{name.lower()}.handle",
            timeout_s=timeout_s,
            memory_mb=512,
            environment={"PATH": os.defpath, "FOLDER": str(folder)},
        )
        for name in sources
    }
    usual: dict[str, Any] = {
        "template": api,
        "functions": functions,
        "interpreter": sys.executable,
        "wrapper": str(WRAPPER),
        "task_root": str(task_root),
        "logs": str(folder / "logs"),
        "region": "us-east-1",
    }
    return GatewaySettings(**usual | changes)


@contextmanager
def run_gateway(folder: Path, gateway: GatewaySettings) -> Iterator[RunningGateway]:
    """Start the program, and stop it with its processes after the test."""
    file = folder / "gateway.json"
    gateway.write(file)
    with (folder / "logs" / "gateway.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "qwen_gateway_cli.local.apigateway", str(file)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        yield RunningGateway(process, json.loads(process.stdout.readline())["url"], folder)
    finally:
        process.terminate()
        process.communicate(timeout=20)
