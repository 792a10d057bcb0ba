"""The complete document, with the routes of the template."""

import importlib.metadata
import json
import re
from collections.abc import Mapping
from typing import Any

from qwen_gateway_cli.local.apigateway.rest_api import ProxyIntegration, parse_rest_api
from tools.openapi import chat, embeddings, errors, messages, models, requests, responses, usage
from tools.openapi.headers import HEADERS, reference_headers
from tools.openapi.operations import Operation
from tools.openapi.schemas import Json

OPERATIONS = {
    **chat.OPERATIONS,
    **embeddings.OPERATIONS,
    **responses.OPERATIONS,
    **messages.OPERATIONS,
    **models.OPERATIONS,
    **usage.OPERATIONS,
}
_RESPONSE_SCHEMAS = {
    "ChatCompletion": chat.COMPLETION,
    "ChatCompletionChunk": chat.CHUNK,
    "Embeddings": embeddings.EMBEDDINGS,
    "Message": messages.MESSAGE,
    "Response": responses.RESPONSE,
    "DeletedResponse": responses.DELETED_RESPONSE,
    "InputItemList": responses.INPUT_ITEM_LIST,
    "TokenCount": messages.TOKEN_COUNT,
    "ModelList": models.MODEL_LIST,
    "Model": models.MODEL,
    "Usage": usage.USAGE,
}

_GREEDY = re.compile(r"\{(\w+)\+\}")


def format_document(template: Mapping[str, Any]) -> str:
    """Return the contents of docs/openapi.json."""
    return json.dumps(build_document(template), ensure_ascii=False, indent=2) + "\n"


def build_document(template: Mapping[str, Any]) -> Json:
    """Return the OpenAPI document of a transformed template.

    Raises:
        KeyError: a route of the template has no description.
    """
    api = parse_rest_api(template, {})
    routes = [
        (path, method, OPERATIONS[method, path])
        for path, methods in sorted(api.routes.items())
        for method, integration in sorted(methods.items())
        if isinstance(integration, ProxyIntegration)
    ]
    paths: Json = {}
    for path, method, operation in routes:
        error_responses = errors.build_responses(operation, api.gateway_responses)
        paths.setdefault(_GREEDY.sub(r"{\1}", path), {})[method.lower()] = _build_operation(operation, error_responses)
    return {
        "openapi": "3.1.1",
        "info": _build_info(),
        "servers": [_build_server()],
        "security": [{"apiKey": []}, {"apiKeyHeader": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"apiKey": _build_bearer_scheme(), "apiKeyHeader": _build_header_scheme()},
            "headers": HEADERS,
            "responses": {"UnknownRoute": errors.build_unknown_route_response(api.gateway_responses)},
            "schemas": {
                **requests.build_request_schemas(),
                **_RESPONSE_SCHEMAS,
                "Error": errors.ERROR_SCHEMA,
                "ErrorEvent": errors.ERROR_EVENT_SCHEMA,
            },
        },
    }


def _build_operation(operation: Operation, error_responses: Json) -> Json:
    content: Json = {"application/json": {"schema": {"$ref": f"#/components/schemas/{operation.response}"}}}
    if operation.events:
        content["text/event-stream"] = {"schema": {"type": "string", "description": operation.events}}
    document: Json = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": list(operation.parameters),
        "responses": {
            "200": {"description": "Answered.", "headers": reference_headers(operation.headers), "content": content},
            **error_responses,
        },
    }
    if operation.request:
        document["requestBody"] = requests.build_request_body(operation.request)
    return document


def _build_info() -> Json:
    return {
        "title": "Qwen Gateway",
        "version": importlib.metadata.version("qwen-gateway"),
        "license": {"name": "MIT", "identifier": "MIT"},
        "description": (
            "OpenAI's clients and Anthropic's talk to Qwen through this API. Each error has the shape of schema Error; "
            "an unknown route or method is answered as the response UnknownRoute. Browsers may call: every route "
            "answers OPTIONS without a key."
        ),
    }


def _build_server() -> Json:
    return {
        "url": "{gateway}",
        "variables": {
            "gateway": {
                "default": "http://127.0.0.1:8080",
                "description": "The stack's output BaseUrl, or what `qwen-gateway up` prints, without its /v1.",
            }
        },
    }


def _build_bearer_scheme() -> Json:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "A key made with `qwen-gateway keys create`; it begins with sk-qg-.",
    }


def _build_header_scheme() -> Json:
    return {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": (
            "The same key, for requests without a bearer token: Authorization contains a SigV4 signature if the stack "
            "has ApiAuth=AWS_IAM. Azure's header api-key is accepted, too."
        ),
    }
