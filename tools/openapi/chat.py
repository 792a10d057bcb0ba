"""Chat completions: the route, and the schemas of its responses."""

from tools.openapi.headers import ADJUSTMENT_HEADERS
from tools.openapi.operations import ONE_RECORD, TIMEOUT, Operation, describe_events, meter
from tools.openapi.schemas import COST, COUNT, PROVIDER_MODEL, TEXT, TEXT_OR_NULL, Json

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
        "index": {**COUNT, "description": "Which tool call it belongs to."},
        "id": {**TEXT, "description": "In the first delta of a tool call alone."},
        "type": {"type": "string"},
        "function": {
            "type": "object",
            "properties": {
                "name": {**TEXT, "description": "In the first delta alone."},
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
        "content": TEXT_OR_NULL,
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
        "finish_reason": TEXT,
        "logprobs": {"type": ["object", "null"]},
    },
}

_DELTA = {
    "type": "object",
    "description": "What comes on top of what came before.",
    "properties": {
        "role": {"type": "string"},
        "content": TEXT_OR_NULL,
        "reasoning_content": TEXT_OR_NULL,
        "refusal": TEXT_OR_NULL,
        "tool_calls": {"type": "array", "items": _TOOL_CALL_DELTA},
    },
}

_CHUNK_CHOICE = {
    "type": "object",
    "required": ["index", "delta"],
    "properties": {
        "index": COUNT,
        "delta": _DELTA,
        "finish_reason": {**TEXT_OR_NULL, "description": "Stands in one chunk of each choice, and in no other."},
        "logprobs": {"type": ["object", "null"]},
    },
}

_USAGE = {
    "type": "object",
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
    "properties": {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": {
            "type": ["object", "null"],
            "description": "Parts of prompt_tokens.",
            "properties": {"cached_tokens": COUNT, "cache_creation_input_tokens": COUNT},
        },
        **COST,
        "completion_tokens_details": {
            "type": ["object", "null"],
            "description": "Parts of completion_tokens.",
            "properties": {"reasoning_tokens": COUNT},
        },
    },
}


def _build_completion(kind: str, choices: Json, usage: Json) -> Json:
    return {
        "type": "object",
        "required": ["object", "choices"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": kind},
            "created": {"type": "integer"},
            "model": PROVIDER_MODEL,
            "choices": {"type": "array", **choices},
            "usage": _USAGE | usage,
        },
    }


COMPLETION = _build_completion(
    "chat.completion",
    choices={"minItems": 1, "items": _CHOICE},
    usage={"description": "As the provider counted, with the cost; absent when it did not count."},
)
CHUNK = _build_completion(
    "chat.completion.chunk",
    choices={"items": _CHUNK_CHOICE},
    usage={"type": ["object", "null"], "description": "As the provider counted, with the cost."},
)

OPERATIONS = {
    ("POST", "/v1/chat/completions"): meter(
        Operation(
            id="createChatCompletion",
            summary="Answer a chat",
            description=f"{ONE_RECORD}, answered or not.",
            response="ChatCompletion",
            headers=("x-request-id", *ADJUSTMENT_HEADERS),
            parameters=(TIMEOUT,),
            request="ChatRequest",
            events=describe_events(
                "The data of each event is a ChatCompletionChunk in JSON; with `stream_options.include_usage` the last "
                "one has the `usage` and no choices.",
                end="`data: [DONE]`",
                failure="one ErrorEvent instead, and no `[DONE]`",
            ),
        )
    ),
}
