"""The schemas of requests, from the models that validate requests."""

import tomllib
from pathlib import Path
from typing import Any

from qwen_gateway.api.chat_request import ChatFields
from qwen_gateway.api.embeddings_request import EmbeddingsFields
from qwen_gateway.api.fields import Fields
from qwen_gateway.api.messages_request import CountTokensFields, MessagesFields
from qwen_gateway.api.responses_request import ResponsesFields
from qwen_gateway.config import MAX_BODY_BYTES
from tools.openapi.schemas import Json

_FIELDS: dict[str, type[Fields]] = {
    "ChatRequest": ChatFields,
    "EmbeddingsRequest": EmbeddingsFields,
    "ResponsesRequest": ResponsesFields,
    "MessagesRequest": MessagesFields,
    "CountTokensRequest": CountTokensFields,
}
"""The models that validate requests, by the names of their schemas."""
_PARAMETERS = Path(__file__).with_name("parameters.toml")
_MESSAGES = [{"role": "user", "content": "Say hello."}]
_EXAMPLES: dict[str, Json] = {
    "ChatRequest": {"model": "qwen-plus", "messages": _MESSAGES},
    "EmbeddingsRequest": {"model": "text-embedding-v4", "input": ["Say hello."]},
    "ResponsesRequest": {"model": "qwen-plus", "input": "Say hello."},
    "MessagesRequest": {"model": "claude-sonnet-5", "max_tokens": 1024, "messages": _MESSAGES},
    "CountTokensRequest": {"model": "claude-sonnet-5", "messages": _MESSAGES},
}


def build_request_body(name: str) -> Json:
    """Return the body of a request, by the name of its schema."""
    return {
        "required": True,
        "description": f"At most {MAX_BODY_BYTES} bytes of UTF-8 (parameter MaxBodyBytes), uncompressed.",
        "content": {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": _EXAMPLES[name]},
        },
    }


def build_request_schemas() -> Json:
    """Return the schemas of all requests by name."""
    return {name: build_request_schema(name) for name in _FIELDS}


def build_request_schema(name: str) -> Json:
    """Return the schema of a request. The gateway passes all other fields to the provider unchanged.

    Raises:
        KeyError: a validated field has no description.
    """
    fields = _FIELDS[name].model_json_schema()
    checked = _simplify(fields, fields.get("$defs", {}))
    descriptions = tomllib.loads(_PARAMETERS.read_text(encoding="utf-8"))[name]
    properties = {
        each: {"description": descriptions["checked"][each], **field} for each, field in checked["properties"].items()
    }
    return {
        **checked,
        "description": "What is checked here is checked by the gateway; the provider judges the rest.",
        "properties": properties | descriptions.get("passed", {}),
    }


def _simplify(node: Any, definitions: Json) -> Any:
    """Return a schema without pydantic's titles, null defaults and references. Every object accepts other fields."""
    match node:
        case {"$ref": str(reference)}:
            return _simplify(definitions[reference.rpartition("/")[2]], definitions)
        case {"properties": dict(properties)}:
            fields = {name: _simplify(field, definitions) for name, field in properties.items()}
            required = {"required": node["required"]} if "required" in node else {}
            return {"type": "object", **required, "properties": fields, "additionalProperties": True}
        case dict():
            return {
                key: _simplify(value, definitions)
                for key, value in node.items()
                if key != "title" and (key, value) != ("default", None)
            }
        case list():
            return [_simplify(each, definitions) for each in node]
    return node
