"""The gateway's own response headers."""

from collections.abc import Iterable
from typing import Any

HEADERS: dict[str, Any] = {
    "x-request-id": {
        "description": "The call's id: `req_` and the ULID of its usage record. An error of API Gateway carries the "
        "id of API Gateway.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
    "x-gateway-provider": {
        "description": "The provider that was called last.",
        "schema": {"type": "string", "minLength": 1},
    },
    "x-gateway-model": {
        "description": "The model that it was asked for, by its own name.",
        "schema": {"type": "string", "minLength": 1},
    },
    "x-gateway-attempts": {
        "description": "How many calls of providers it took.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "x-gateway-max-tokens": {
        "description": "The cap that the model was given, where `max_tokens` or `max_completion_tokens` were above its "
        "limit.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "x-should-retry": {
        "description": "`false` where repeating does not help: OpenAI's clients obey.",
        "schema": {"const": "false"},
    },
    "retry-after": {
        "description": "Seconds after which repeating may help.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
}


def referred(names: Iterable[str]) -> dict[str, Any]:
    """Return a response's headers by reference, in the order in which they stand above."""
    wanted = set(names)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name in wanted}
