"""Embeddings: the route, and the schema of its response."""

from tools.openapi.operations import ONE_RECORD, TIMEOUT, Operation, meter
from tools.openapi.schemas import COST, COUNT, PROVIDER_MODEL, TEXT

_EMBEDDING = {
    "type": "object",
    "required": ["object", "index", "embedding"],
    "properties": {
        "object": {"const": "embedding"},
        "index": {**COUNT, "description": "The place of the row in the input."},
        "embedding": {
            "description": "Numbers, or base64 of little-endian floats of 32 bits.",
            "oneOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 1},
                TEXT,
            ],
        },
    },
}

EMBEDDINGS = {
    "type": "object",
    "required": ["object", "data", "model", "usage"],
    "additionalProperties": False,
    "properties": {
        "object": {"const": "list"},
        "model": {**PROVIDER_MODEL, "type": ["string", "null"]},
        "data": {"type": "array", "minItems": 1, "items": _EMBEDDING},
        "usage": {
            "type": "object",
            "required": ["prompt_tokens", "total_tokens"],
            "description": "The sum of all calls of the provider.",
            "properties": {"prompt_tokens": COUNT, "total_tokens": COUNT, **COST},
        },
    },
}

OPERATIONS = {
    ("POST", "/v1/embeddings"): meter(
        Operation(
            id="createEmbeddings",
            summary="Embed texts",
            description=(
                "Any number of rows: they are sent in calls of as many as the model takes, and either all of them are "
                f"answered or none. {ONE_RECORD}, answered or not."
            ),
            response="Embeddings",
            parameters=(TIMEOUT,),
            request="EmbeddingsRequest",
        )
    ),
}
