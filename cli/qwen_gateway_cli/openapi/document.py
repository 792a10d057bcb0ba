"""The whole document: what is served, by the routes of the template."""

import importlib.metadata
import json
import re
from collections.abc import Mapping
from typing import Any

from qwen_gateway_cli.local.apigateway.rest_api import ProxyIntegration, parse_rest_api
from qwen_gateway_cli.openapi import answers, failures, headers, request
from qwen_gateway_cli.openapi.operations import OPERATIONS, Operation

Json = dict[str, Any]

_GREEDY = re.compile(r"\{(\w+)\+\}")


def text(template: Mapping[str, Any]) -> str:
    """Return the document as docs/openapi.json holds it."""
    return json.dumps(document(template), ensure_ascii=False, indent=2) + "\n"


def document(template: Mapping[str, Any]) -> Json:
    """Describe the API of a processed template.

    Raises:
        KeyError: it serves a route that nobody has described.
    """
    api = parse_rest_api(template, {})
    served = [
        (path, method, OPERATIONS[method, path])
        for path, methods in sorted(api.routes.items())
        for method, integration in sorted(methods.items())
        if isinstance(integration, ProxyIntegration)
    ]
    paths: Json = {}
    for path, method, operation in served:
        described = _operation(operation, failures.responses(operation, api.gateway_responses))
        paths.setdefault(_GREEDY.sub(r"{\1}", path), {})[method.lower()] = described
    return {
        "openapi": "3.1.1",
        "info": _info(),
        "servers": [_server()],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"apiKey": _api_key()},
            "headers": headers.HEADERS,
            "responses": {"UnknownRoute": failures.unknown_route(api.gateway_responses)},
            "schemas": {
                "ChatRequest": request.schema(),
                **answers.SCHEMAS,
                "Error": failures.ERROR,
            },
        },
    }


def _operation(operation: Operation, failed: Json) -> Json:
    content: Json = {"application/json": {"schema": {"$ref": f"#/components/schemas/{operation.answer}"}}}
    if operation.events:
        content["text/event-stream"] = {"schema": {"type": "string", "description": operation.events}}
    described: Json = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": list(operation.parameters),
        "responses": {
            "200": {"description": "Answered.", "headers": headers.referred(operation.headers), "content": content},
            **failed,
        },
    }
    if operation.body:
        described["requestBody"] = request.body()
    return described


def _info() -> Json:
    return {
        "title": "Qwen Gateway",
        "version": importlib.metadata.version("qwen-gateway"),
        "license": {"name": "MIT", "identifier": "MIT"},
        "description": (
            "Any OpenAI client talks to Qwen through this API. Each error has OpenAI's shape (schema Error); an "
            "unknown route or method is answered as the response UnknownRoute. Browsers may call: every route "
            "answers OPTIONS without a key."
        ),
    }


def _server() -> Json:
    return {
        "url": "{gateway}",
        "variables": {
            "gateway": {
                "default": "http://127.0.0.1:8080",
                "description": "The stack's output BaseUrl, or what `qwen-gateway up` prints, without its /v1.",
            }
        },
    }


def _api_key() -> Json:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "A key made with `qwen-gateway keys create`; it begins with sk-qg-.",
    }
