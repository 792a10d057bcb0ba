"""The description of each route, with its errors and its response headers."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from qwen_gateway.api import ANTHROPIC, HTTP_ERRORS, OPENAI, WireFormat
from qwen_gateway.errors import (
    DependencyFailed,
    EndpointNotServed,
    GatewayError,
    InternalError,
    KeyRefused,
    LedgerUnavailable,
    ModelUnknown,
    ProviderError,
    ProviderResponseMissing,
    RequestInvalid,
    RequestTooLarge,
    ResponseUnknown,
)

_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}

HEADERS: dict[str, Any] = {
    "x-request-id": {
        "description": "The call's id: `req_` and the ULID of its usage record. An error of API Gateway carries the "
        "id of API Gateway.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
    "request-id": {
        "description": "The same id, where Anthropic's clients look for it.",
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
        "limit, or where a request of a key with a budget named none.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "x-gateway-temperature": {
        "description": "The temperature that the model was given, where it rejects that of the request.",
        "schema": {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$"},
    },
    "x-gateway-top-p": {
        "description": "The `top_p` that the model was given, where it rejects that of the request.",
        "schema": {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$"},
    },
    "x-gateway-limits-exceeded": {
        "description": "Only for a key in shadow mode: its limits that would have refused the call, of `budget`, "
        "`requests`, `tokens` and `concurrency`.",
        "schema": {
            "type": "string",
            "pattern": "^(budget|requests|tokens|concurrency)(, (requests|tokens|concurrency))*$",
        },
    },
    **{
        f"x-ratelimit-{kind}-{unit}": {"description": words.format(unit=unit), "schema": schema}
        for unit in ("requests", "tokens")
        for kind, words, schema in (
            ("limit", "The {unit} that the key allows a minute, if it has such a limit.", _NUMBER),
            ("remaining", "What is left of the {unit} of this minute.", _NUMBER),
            ("reset", "When the {unit} are counted anew.", {"type": "string", "pattern": "^[1-9][0-9]?s$"}),
        )
    },
    "x-should-retry": {
        "description": "`false` where repeating does not help: OpenAI's clients obey.",
        "schema": {"const": "false"},
    },
    "retry-after": {
        "description": "Seconds after which repeating may help.",
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
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

PROVIDER_HEADERS = (
    "x-gateway-provider",
    "x-gateway-model",
    "x-gateway-attempts",
    "x-gateway-max-tokens",
    "x-gateway-temperature",
    "x-gateway-top-p",
)
RETIREMENT_HEADERS = ("deprecation", "sunset", "link")
LIMIT_HEADERS = (
    "x-gateway-limits-exceeded",
    *(f"x-ratelimit-{kind}-{unit}" for unit in ("requests", "tokens") for kind in ("limit", "remaining", "reset")),
)


class Operation(NamedTuple):
    """One route. `request` and `response` are names of schemas, and `errors` contains base classes of its errors.

    `events` describes a stream, for a route that can stream. `wire` is the form of its errors.
    """

    id: str
    summary: str
    description: str
    response: str
    errors: tuple[type[GatewayError], ...]
    headers: tuple[str, ...] = ("x-request-id",)
    parameters: tuple[dict[str, Any], ...] = ()
    request: str | None = None
    events: str | None = None
    wire: WireFormat = OPENAI


_TIMEOUT = {
    "name": "x-gateway-timeout-ms",
    "in": "header",
    "description": "Milliseconds that the client waits. The gateway ends the call before they are over.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}
_PASSED = tuple(
    {"name": name, "in": "header", "description": "Passed to the provider.", "schema": {"type": "string"}}
    for name in ("anthropic-version", "anthropic-beta")
)
_ANTHROPIC_HEADERS = ("x-request-id", "request-id")
_COMMON_ERRORS = (KeyRefused, LedgerUnavailable, InternalError)
_RESPONSE_ID = {
    "name": "response_id",
    "in": "path",
    "required": True,
    "description": "Its id.",
    "schema": {"type": "string", "minLength": 1},
}
_OF_THE_KEY = "Only for the key that made it, and for as long as the provider keeps it."
_UNMETERED = "It costs nothing, has no limits but the key itself, and leaves no record."
_STORED_ERRORS = (
    RequestInvalid,
    RequestTooLarge,
    ResponseUnknown,
    KeyRefused,
    InternalError,
    DependencyFailed,
    ProviderError,
)
_OF_STORED_RESPONSES = (ResponseUnknown, ProviderResponseMissing)
_METERED_ERRORS = tuple(kind for kind in HTTP_ERRORS if not issubclass(kind, _OF_STORED_RESPONSES))
"""The errors of calls that leave a record and refer to no stored response."""

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/chat/completions"): Operation(
        id="createChatCompletion",
        summary="Answer a chat",
        description="A call that was let through leaves one usage record, answered or not.",
        response="ChatCompletion",
        errors=_METERED_ERRORS,
        headers=("x-request-id", *PROVIDER_HEADERS, *RETIREMENT_HEADERS, *LIMIT_HEADERS),
        parameters=(_TIMEOUT,),
        request="ChatRequest",
        events=(
            "For `stream: true`. The data of each event is a ChatCompletionChunk in JSON; with "
            "`stream_options.include_usage` the last one has the `usage` and no choices. The end is "
            "`data: [DONE]`. A failure after the first output, or after the status had to be sent, is one ErrorEvent "
            "instead, and no `[DONE]`. Comments (`: ping`) fill the quiet; a stream whose status had to be sent before "
            "the first output lacks the headers of the provider."
        ),
    ),
    ("POST", "/v1/embeddings"): Operation(
        id="createEmbeddings",
        summary="Embed texts",
        description=(
            "Any number of rows: they are sent in calls of as many as the model takes, and either all of them are "
            "answered or none. A call that was let through leaves one usage record, answered or not."
        ),
        response="Embeddings",
        errors=_METERED_ERRORS,
        headers=("x-request-id", *PROVIDER_HEADERS[:3], *RETIREMENT_HEADERS, *LIMIT_HEADERS),
        parameters=(_TIMEOUT,),
        request="EmbeddingsRequest",
    ),
    ("POST", "/v1/responses"): Operation(
        id="createResponse",
        summary="Answer a request for OpenAI's Responses",
        description=(
            "It is relayed to providers that serve this API, not translated for others. A response that continues "
            "another one goes to the target that has that one, and never to another. A call that was let through "
            "leaves one usage record."
        ),
        response="Response",
        errors=(GatewayError,),
        headers=("x-request-id", *PROVIDER_HEADERS, *RETIREMENT_HEADERS, *LIMIT_HEADERS),
        parameters=(_TIMEOUT,),
        request="ResponsesRequest",
        events=(
            "For `stream: true`. The events are those of the provider, with their names, without those that OpenAI's "
            "clients do not know; the `usage` of the last one has the cost. The end is `response.completed` or "
            "`response.incomplete`. A failure after the first output, or after the status had to be sent, is an event "
            "`error` instead, with the fields of the error at the top and in an `error` object. Comments (`: ping`) "
            "fill the quiet; a stream whose status had to be sent before the first output lacks the headers of the "
            "provider."
        ),
    ),
    ("GET", "/v1/responses/{response_id}"): Operation(
        id="retrieveResponse",
        summary="Read a stored response",
        description=f"{_OF_THE_KEY} {_UNMETERED}",
        response="Response",
        errors=_STORED_ERRORS,
        headers=("x-request-id", *PROVIDER_HEADERS[:3]),
        parameters=(_RESPONSE_ID, _TIMEOUT),
    ),
    ("DELETE", "/v1/responses/{response_id}"): Operation(
        id="deleteResponse",
        summary="Delete a stored response",
        description=f"{_OF_THE_KEY} {_UNMETERED}",
        response="DeletedResponse",
        errors=_STORED_ERRORS,
        headers=("x-request-id", *PROVIDER_HEADERS[:3]),
        parameters=(_RESPONSE_ID, _TIMEOUT),
    ),
    ("GET", "/v1/responses/{response_id}/input_items"): Operation(
        id="listInputItems",
        summary="List the input of a stored response",
        description=f"{_OF_THE_KEY} {_UNMETERED}",
        response="InputItemList",
        errors=_STORED_ERRORS,
        headers=("x-request-id", *PROVIDER_HEADERS[:3]),
        parameters=(
            _RESPONSE_ID,
            *(
                {"name": name, "in": "query", "description": words, "schema": {"type": "string"}}
                for name, words in (
                    ("after", "The id of the item before the first one of the list."),
                    ("limit", "How many items."),
                    ("order", "`asc` or `desc`."),
                )
            ),
            _TIMEOUT,
        ),
    ),
    ("POST", "/v1/messages"): Operation(
        id="createMessage",
        summary="Answer a request for Anthropic's Messages",
        description=(
            "It is relayed to providers that serve this API, not translated for others. Errors have Anthropic's shape "
            "and types, with `code` and `param` beside. A call that was let through leaves one usage record."
        ),
        response="Message",
        errors=_METERED_ERRORS,
        headers=(*_ANTHROPIC_HEADERS, *PROVIDER_HEADERS, *RETIREMENT_HEADERS, *LIMIT_HEADERS),
        parameters=(_TIMEOUT, *_PASSED),
        request="MessagesRequest",
        events=(
            "For `stream: true`. The events are those of the provider, with their names; the `usage` of the last "
            "`message_delta` has the cost. The end is `message_stop`. A failure after the first output, or after the "
            "status had to be sent, is an event `error` instead. Comments (`: ping`) fill the quiet; a stream whose "
            "status had to be sent before the first output lacks the headers of the provider."
        ),
        wire=ANTHROPIC,
    ),
    ("POST", "/v1/messages/count_tokens"): Operation(
        id="countTokens",
        summary="Count the tokens of a request for Anthropic's Messages",
        description="The provider counts. It costs nothing, has no limits but the key itself, and leaves no record.",
        response="TokenCount",
        errors=(
            *(RequestInvalid, RequestTooLarge, ModelUnknown, EndpointNotServed),
            *(KeyRefused, InternalError, DependencyFailed),
            *(kind for kind in _METERED_ERRORS if issubclass(kind, ProviderError)),
        ),
        headers=(*_ANTHROPIC_HEADERS, *PROVIDER_HEADERS[:3]),
        parameters=(_TIMEOUT, *_PASSED),
        request="CountTokensRequest",
        wire=ANTHROPIC,
    ),
    ("GET", "/v1/models"): Operation(
        id="listModels",
        summary="List the models",
        description="Every name that a request's `model` may have, aliases included.",
        response="ModelList",
        errors=_COMMON_ERRORS,
    ),
    ("GET", "/v1/models/{model+}"): Operation(
        id="retrieveModel",
        summary="Show one model",
        description="One entry of the list.",
        response="Model",
        errors=(*_COMMON_ERRORS, ModelUnknown),
        parameters=(
            {
                "name": "model",
                "in": "path",
                "required": True,
                "description": "Its name. Slashes in it may stand as they are, or as %2F.",
                "schema": {"type": "string", "minLength": 1},
            },
        ),
    ),
    ("GET", "/v1/usage"): Operation(
        id="showUsage",
        summary="Show what the key has used",
        description="Today and this period (the key's day, or else this month), and each day of the month by model. "
        "Calls of about the last half hour are only in the counters of the budget.",
        response="Usage",
        errors=_COMMON_ERRORS,
    ),
}


def reference_headers(names: Iterable[str]) -> dict[str, Any]:
    """Return references to a response's headers, in the order of `HEADERS`."""
    included = set(names)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS if name in included}
