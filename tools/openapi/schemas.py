"""The schemas of requests and responses.

The request schema comes from the models that validate requests. A chat response contains the provider's fields
unchanged; the gateway itself defines those of the models.
"""

import tomllib
from pathlib import Path
from typing import Any

from qwen_gateway.api.chat_request import ChatFields
from qwen_gateway.api.embeddings_request import EmbeddingsFields
from qwen_gateway.api.fields import Fields
from qwen_gateway.api.messages_request import CountTokensFields, MessagesFields
from qwen_gateway.api.responses_request import ResponsesFields
from qwen_gateway.config import MAX_BODY_BYTES

Json = dict[str, Any]

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

_COUNT = {"type": "integer", "minimum": 0}
_TEXT_OR_NULL = {"type": ["string", "null"]}

_TOOL_CALL = {
    "type": "object",
    "required": ["type", "function"],
    "properties": {
        "id": {"type": "string"},
        "type": {"type": "string"},
        "function": {
            "type": "object",
            "required": ["arguments"],
            "properties": {
                "name": {"type": "string"},
                "arguments": {"type": "string", "description": "JSON, as the model wrote it."},
            },
        },
    },
}

_TOOL_CALL_DELTA = {
    "type": "object",
    "required": ["index"],
    "properties": {
        "index": {**_COUNT, "description": "Which tool call it belongs to."},
        "id": {"type": "string", "minLength": 1, "description": "In the first delta of a tool call alone."},
        "type": {"type": "string"},
        "function": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "description": "In the first delta alone."},
                "arguments": {"type": "string", "description": "The next piece of the JSON."},
            },
        },
    },
}

_MESSAGE = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"type": "string"},
        "content": _TEXT_OR_NULL,
        "reasoning_content": {"type": "string", "description": "What a thinking model thought."},
        "refusal": {"type": "string"},
        "tool_calls": {"type": "array", "items": _TOOL_CALL},
    },
}

_CHOICE = {
    "type": "object",
    "required": ["index", "message", "finish_reason", "logprobs"],
    "properties": {
        "index": {"type": "integer"},
        "message": _MESSAGE,
        "finish_reason": {"type": "string", "minLength": 1},
        "logprobs": {"type": ["object", "null"]},
    },
}

_DELTA = {
    "type": "object",
    "description": "What comes on top of what came before.",
    "properties": {
        "role": {"type": "string"},
        "content": _TEXT_OR_NULL,
        "reasoning_content": _TEXT_OR_NULL,
        "refusal": _TEXT_OR_NULL,
        "tool_calls": {"type": "array", "items": _TOOL_CALL_DELTA},
    },
}

_CHUNK_CHOICE = {
    "type": "object",
    "required": ["index", "delta"],
    "properties": {
        "index": _COUNT,
        "delta": _DELTA,
        "finish_reason": {**_TEXT_OR_NULL, "description": "Stands in one chunk of each choice, and in no other."},
        "logprobs": {"type": ["object", "null"]},
    },
}

_COST = {
    "cost": {
        "type": "number",
        "minimum": 0,
        "description": "What the provider charges, in cost_currency. Absent when it is not known.",
    },
    "cost_currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
}
_USAGE = {
    "type": "object",
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
    "properties": {
        "prompt_tokens": _COUNT,
        "completion_tokens": _COUNT,
        "total_tokens": _COUNT,
        "prompt_tokens_details": {
            "type": ["object", "null"],
            "description": "Parts of prompt_tokens.",
            "properties": {"cached_tokens": _COUNT, "cache_creation_input_tokens": _COUNT},
        },
        **_COST,
        "completion_tokens_details": {
            "type": ["object", "null"],
            "description": "Parts of completion_tokens.",
            "properties": {"reasoning_tokens": _COUNT},
        },
    },
}

_MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "description": "The name that a request's `model` may have."},
        "object": {"const": "model"},
        "created": {**_COUNT, "description": "Seconds since 1970; 0 when nothing is known of the model."},
        "owned_by": {"type": "string"},
        "context_length": {"type": "integer", "description": "Tokens of input; missing if unknown."},
        "max_output_tokens": {"type": "integer", "description": "Tokens of output; missing if unknown."},
        "dimensions": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "Only of a model that gives embeddings: the lengths of vector, the default first.",
        },
    },
}

_EMBEDDING = {
    "type": "object",
    "required": ["object", "index", "embedding"],
    "properties": {
        "object": {"const": "embedding"},
        "index": {**_COUNT, "description": "The place of the row in the input."},
        "embedding": {
            "description": "Numbers, or base64 of little-endian floats of 32 bits.",
            "oneOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 1},
                {"type": "string", "minLength": 1},
            ],
        },
    },
}

_SUMS = {
    "requests": {**_COUNT, "description": "Calls with a record, answered or not."},
    "answered": _COUNT,
    "tokens_in": _COUNT,
    "tokens_out": _COUNT,
    "tokens_cached": {**_COUNT, "description": "Part of tokens_in."},
    "tokens_cache_write": {**_COUNT, "description": "Part of tokens_in."},
    "tokens_thinking": {**_COUNT, "description": "Part of tokens_out."},
    "cost": {
        "type": "object",
        "description": "By currency (ISO 4217), with refunds and corrections.",
        "additionalProperties": {"type": "number"},
    },
    "unpriced": {**_COUNT, "description": "Calls whose cost is not known."},
}


def _sums(**fields: Json) -> Json:
    return {
        "type": "object",
        "required": [*fields, *_SUMS],
        "additionalProperties": False,
        "properties": fields | _SUMS,
    }


_USED = {
    "type": "object",
    "required": ["object", "complete_until", "budget", "today", "period", "days"],
    "additionalProperties": False,
    "properties": {
        "object": {"const": "usage"},
        "complete_until": {
            "type": ["integer", "null"],
            "description": "The time before which all calls are in the sums, in seconds since 1970; null without any.",
        },
        "budget": {
            "type": ["object", "null"],
            "description": "The budget with its counters as they are now; null without a budget.",
            "required": ["period", "period_end", "currency", "amount", "spent", "held", "remaining"],
            "additionalProperties": False,
            "properties": {
                "period": {"enum": ["day", "month", "total"]},
                "period_end": {"type": ["integer", "null"], "description": "Seconds since 1970; null for total."},
                "currency": {"type": "string"},
                "amount": {"type": "number"},
                "spent": {"type": "number"},
                "held": {"type": "number", "description": "For calls that run."},
                "remaining": {"type": "number"},
            },
        },
        "today": _sums(),
        "period": _sums(start={"type": "integer", "description": "Seconds since 1970."}),
        "days": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["date", "models"],
                "additionalProperties": False,
                "properties": {
                    "date": {"type": "string", "format": "date", "description": "In UTC."},
                    "models": {
                        "type": "array",
                        "items": _sums(provider={"type": "string"}, model={"type": "string"}),
                    },
                },
            },
        },
    },
}

RESPONSE_SCHEMAS: dict[str, Any] = {
    "ChatCompletion": {
        "type": "object",
        "required": ["object", "choices"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "chat.completion"},
            "created": {"type": "integer"},
            "model": {"type": "string", "description": "As the provider names it."},
            "choices": {"type": "array", "minItems": 1, "items": _CHOICE},
            "usage": {**_USAGE, "description": "As the provider counted, with the cost; absent when it did not count."},
        },
    },
    "ChatCompletionChunk": {
        "type": "object",
        "required": ["object", "choices"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "chat.completion.chunk"},
            "created": {"type": "integer"},
            "model": {"type": "string", "description": "As the provider names it."},
            "choices": {"type": "array", "items": _CHUNK_CHOICE},
            "usage": {**_USAGE, "type": ["object", "null"], "description": "As the provider counted, with the cost."},
        },
    },
    "Embeddings": {
        "type": "object",
        "required": ["object", "data", "model", "usage"],
        "additionalProperties": False,
        "properties": {
            "object": {"const": "list"},
            "model": {"type": ["string", "null"], "description": "As the provider names it."},
            "data": {"type": "array", "minItems": 1, "items": _EMBEDDING},
            "usage": {
                "type": "object",
                "required": ["prompt_tokens", "total_tokens"],
                "description": "The sum of all calls of the provider.",
                "properties": {"prompt_tokens": _COUNT, "total_tokens": _COUNT, **_COST},
            },
        },
    },
    "Message": {
        "type": "object",
        "required": ["type", "role", "content", "stop_reason", "usage"],
        "properties": {
            "id": {"type": "string"},
            "type": {"const": "message"},
            "role": {"const": "assistant"},
            "model": {"type": "string", "description": "As the provider names it."},
            "content": {"type": "array", "items": {"type": "object", "required": ["type"]}},
            "stop_reason": {"type": "string"},
            "usage": {
                "type": "object",
                "description": "As the provider counted: input_tokens excludes what a cache was read or written for.",
                "properties": {"input_tokens": _COUNT, "output_tokens": _COUNT, **_COST},
            },
        },
    },
    "Response": {
        "type": "object",
        "required": ["id", "object", "status", "output"],
        "properties": {
            "id": {"type": "string", "description": "What previous_response_id of the next request may name."},
            "object": {"const": "response"},
            "status": {"type": "string"},
            "model": {"type": "string", "description": "As the provider names it."},
            "output": {"type": "array", "items": {"type": "object", "required": ["type"]}},
            "usage": {
                "type": ["object", "null"],
                "description": "As the provider counted, with the cost; without it where a stored one is read.",
                "properties": {"input_tokens": _COUNT, "output_tokens": _COUNT, **_COST},
            },
        },
    },
    "DeletedResponse": {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "deleted": {"type": "boolean"}},
    },
    "InputItemList": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "array", "items": {"type": "object"}},
            "first_id": _TEXT_OR_NULL,
            "last_id": _TEXT_OR_NULL,
            "has_more": {"type": "boolean"},
        },
    },
    "TokenCount": {"type": "object", "required": ["input_tokens"], "properties": {"input_tokens": _COUNT}},
    "ModelList": {
        "type": "object",
        "required": ["object", "data"],
        "additionalProperties": False,
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
        },
    },
    "Model": _MODEL,
    "Usage": _USED,
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
