"""Anthropic's Messages: the routes, and the schemas of their responses."""

from qwen_gateway.api import ANTHROPIC
from qwen_gateway.errors import EndpointNotServed, ModelUnknown, ProviderError
from tools.openapi.headers import ADJUSTMENT_HEADERS, PROVIDER_HEADERS
from tools.openapi.operations import (
    METERED_ERRORS,
    ONE_RECORD,
    RELAYED,
    TIMEOUT,
    UNMETERED,
    UNMETERED_ERRORS,
    Operation,
    build_parameter,
    describe_events,
    meter,
)
from tools.openapi.schemas import COUNT, INPUT_AND_OUTPUT_TOKENS, PROVIDER_MODEL, TYPED_OBJECTS

_HEADERS = ("x-request-id", "request-id")
_PARAMETERS = (
    TIMEOUT,
    *(build_parameter(name, "header", "Passed to the provider.") for name in ("anthropic-version", "anthropic-beta")),
)

MESSAGE = {
    "type": "object",
    "required": ["type", "role", "content", "stop_reason", "usage"],
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "message"},
        "role": {"const": "assistant"},
        "model": PROVIDER_MODEL,
        "content": TYPED_OBJECTS,
        "stop_reason": {"type": "string"},
        "usage": {
            "type": "object",
            "description": "As the provider counted: input_tokens excludes what a cache was read or written for.",
            "properties": INPUT_AND_OUTPUT_TOKENS,
        },
    },
}
TOKEN_COUNT = {"type": "object", "required": ["input_tokens"], "properties": {"input_tokens": COUNT}}

OPERATIONS = {
    ("POST", "/v1/messages"): meter(
        Operation(
            id="createMessage",
            summary="Answer a request for Anthropic's Messages",
            description=(
                f"{RELAYED} Errors have Anthropic's shape and types, with `code` and `param` beside. {ONE_RECORD}."
            ),
            response="Message",
            headers=(*_HEADERS, *ADJUSTMENT_HEADERS),
            parameters=_PARAMETERS,
            request="MessagesRequest",
            events=describe_events(
                "The events are those of the provider, with their names; the `usage` of the last `message_delta` has "
                "the cost.",
                end="`message_stop`",
                failure="an event `error` instead",
            ),
            wire=ANTHROPIC,
        )
    ),
    ("POST", "/v1/messages/count_tokens"): Operation(
        id="countTokens",
        summary="Count the tokens of a request for Anthropic's Messages",
        description=f"The provider counts. {UNMETERED}",
        response="TokenCount",
        errors=(
            *UNMETERED_ERRORS,
            *(ModelUnknown, EndpointNotServed),
            *(kind for kind in METERED_ERRORS if issubclass(kind, ProviderError)),
        ),
        headers=(*_HEADERS, *PROVIDER_HEADERS),
        parameters=_PARAMETERS,
        request="CountTokensRequest",
        wire=ANTHROPIC,
    ),
}
