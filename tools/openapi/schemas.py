"""The schemas that those of several endpoints consist of."""

from typing import Any

Json = dict[str, Any]

COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string", "minLength": 1}
TEXT_OR_NULL = {"type": ["string", "null"]}
PROVIDER_MODEL = {"type": "string", "description": "As the provider names it."}
TYPED_OBJECTS = {"type": "array", "items": {"type": "object", "required": ["type"]}}
COST = {
    "cost": {
        "type": "number",
        "minimum": 0,
        "description": "What the provider charges, in cost_currency. Absent when it is not known.",
    },
    "cost_currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
}
INPUT_AND_OUTPUT_TOKENS = {"input_tokens": COUNT, "output_tokens": COUNT, **COST}


def build_closed_object(properties: Json, **keywords: Any) -> Json:
    """Return the schema of an object with all of these properties and no others."""
    return {
        "type": "object",
        **keywords,
        "required": [*properties],
        "additionalProperties": False,
        "properties": properties,
    }
