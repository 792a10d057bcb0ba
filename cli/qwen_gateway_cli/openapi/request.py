"""The chat request: the fields that the gateway checks, as its own models say, and words on the others."""

import tomllib
from pathlib import Path
from typing import Any

from qwen_gateway.api.chat_request import ChatFields
from qwen_gateway.api.request import MAX_BODY_BYTES

Json = dict[str, Any]

_WORDS = Path(__file__).with_name("parameters.toml")
_EXAMPLE = {"model": "qwen-plus", "messages": [{"role": "user", "content": "Say hello."}]}


def body() -> Json:
    """Return the request's body."""
    return {
        "required": True,
        "description": f"At most {MAX_BODY_BYTES} bytes of UTF-8, uncompressed.",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}, "example": _EXAMPLE},
        },
    }


def schema() -> Json:
    """Return the schema of a chat request; what it does not name goes to the provider as it is.

    Raises:
        KeyError: a checked field has no words.
    """
    made = ChatFields.model_json_schema()
    checked = _plain(made, made["$defs"])
    words = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    properties = {
        name: {"description": words["checked"][name], **field} for name, field in checked["properties"].items()
    }
    return {
        **checked,
        "description": "What is checked here is checked by the gateway; the provider judges the rest.",
        "properties": properties | words["passed"],
    }


def _plain(node: Any, definitions: Json) -> Any:
    """Return a schema without pydantic's titles, null defaults and references; every object takes more fields."""
    match node:
        case {"$ref": str(reference)}:
            return _plain(definitions[reference.rpartition("/")[2]], definitions)
        case {"properties": dict(properties)}:
            fields = {name: _plain(field, definitions) for name, field in properties.items()}
            required = {"required": node["required"]} if "required" in node else {}
            return {"type": "object", **required, "properties": fields, "additionalProperties": True}
        case dict():
            return {
                key: _plain(value, definitions)
                for key, value in node.items()
                if key != "title" and (key, value) != ("default", None)
            }
        case list():
            return [_plain(each, definitions) for each in node]
    return node
