"""The headers of responses."""

from collections.abc import Iterable

from tools.openapi.schemas import TEXT, Json

_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
_POSITIVE = {"type": "string", "pattern": "^[1-9][0-9]*$"}
_DECIMAL = {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$"}

_RATE_LIMIT_HEADERS = {
    f"x-ratelimit-{kind}-{unit}": {"description": words.format(unit=unit), "schema": schema}
    for unit in ("requests", "tokens")
    for kind, words, schema in (
        ("limit", "The {unit} that the key allows a minute, if it has such a limit.", _NUMBER),
        ("remaining", "What is left of the {unit} of this minute.", _NUMBER),
        ("reset", "When the {unit} are counted anew.", {"type": "string", "pattern": "^[1-9][0-9]?s$"}),
    )
}

HEADERS: Json = {
    "x-request-id": {
        "description": "The call's id: `req_` and the ULID of its usage record. An error of API Gateway carries the "
        "id of API Gateway.",
        "required": True,
        "schema": TEXT,
    },
    "request-id": {
        "description": "The same id, where Anthropic's clients look for it.",
        "schema": TEXT,
    },
    "x-gateway-provider": {
        "description": "The provider that was called last.",
        "schema": TEXT,
    },
    "x-gateway-model": {
        "description": "The model that it was asked for, by its own name.",
        "schema": TEXT,
    },
    "x-gateway-attempts": {
        "description": "How many calls of providers it took.",
        "schema": _POSITIVE,
    },
    "x-gateway-max-tokens": {
        "description": "The cap that the model was given, where `max_tokens` or `max_completion_tokens` were above its "
        "limit, or where a request of a key with a budget named none.",
        "schema": _POSITIVE,
    },
    "x-gateway-temperature": {
        "description": "The temperature that the model was given, where it rejects that of the request.",
        "schema": _DECIMAL,
    },
    "x-gateway-top-p": {
        "description": "The `top_p` that the model was given, where it rejects that of the request.",
        "schema": _DECIMAL,
    },
    "x-gateway-limits-exceeded": {
        "description": "Only for a key in shadow mode: its limits that would have refused the call, of `budget`, "
        "`requests`, `tokens` and `concurrency`.",
        "schema": {
            "type": "string",
            "pattern": "^(budget|requests|tokens|concurrency)(, (requests|tokens|concurrency))*$",
        },
    },
    **_RATE_LIMIT_HEADERS,
    "x-should-retry": {
        "description": "`false` where repeating does not help: OpenAI's clients obey.",
        "schema": {"const": "false"},
    },
    "retry-after": {
        "description": "Seconds after which repeating may help.",
        "schema": _POSITIVE,
    },
    "deprecation": {
        "description": "Only if the model that answered retires within 30 days, or has: the time from which it is "
        "deprecated, in seconds since 1970 (RFC 9745).",
        "schema": {"type": "string", "pattern": "^@[1-9][0-9]*$"},
    },
    "sunset": {
        "description": "When the provider retires the model that answered (RFC 8594).",
        "schema": {"type": "string", "pattern": "^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$"},
    },
    "link": {
        "description": "The model that the provider recommends instead, relative to this route: "
        '`<../models/NAME>; rel="successor-version"` (RFC 5829).',
        "schema": {"type": "string", "pattern": '^<(\\.\\./)?models/[^>]+>; rel="successor-version"$'},
    },
}

PROVIDER_HEADERS = ("x-gateway-provider", "x-gateway-model", "x-gateway-attempts")
ADJUSTMENT_HEADERS = ("x-gateway-max-tokens", "x-gateway-temperature", "x-gateway-top-p")
RETIREMENT_HEADERS = ("deprecation", "sunset", "link")
LIMIT_HEADERS = ("x-gateway-limits-exceeded", *_RATE_LIMIT_HEADERS)


def reference_headers(names: Iterable[str]) -> Json:
    """Return references to a response's headers, in the order of `HEADERS`."""
    included = set(names)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name in included}
