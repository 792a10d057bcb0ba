"""What each route does, in words, and which failures of the tree it can end in."""

from typing import Any, NamedTuple

from qwen_gateway.errors import GatewayError, InternalError, KeyRefused, LedgerUnavailable, ModelUnknown

PROVIDER_HEADERS = ("x-gateway-provider", "x-gateway-model", "x-gateway-attempts", "x-gateway-max-tokens")


class Operation(NamedTuple):
    """One route: `answer` names a schema, `failures` are branches of the tree of errors.

    `events` says what a stream consists of, on a route that can stream.
    """

    id: str
    summary: str
    description: str
    answer: str
    failures: tuple[type[GatewayError], ...]
    headers: tuple[str, ...] = ("x-request-id",)
    parameters: tuple[dict[str, Any], ...] = ()
    body: bool = False
    events: str | None = None


_OF_EVERY_ROUTE = (KeyRefused, LedgerUnavailable, InternalError)

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/chat/completions"): Operation(
        id="createChatCompletion",
        summary="Answer a chat",
        description="A call that was let through leaves one usage record, answered or not.",
        answer="ChatCompletion",
        failures=(GatewayError,),
        headers=("x-request-id", *PROVIDER_HEADERS),
        parameters=(
            {
                "name": "x-gateway-timeout-ms",
                "in": "header",
                "description": "Milliseconds that the client waits. The gateway ends the call before they are over.",
                "schema": {"type": "number", "exclusiveMinimum": 0},
            },
        ),
        body=True,
        events=(
            "For `stream: true`. The data of each event is a ChatCompletionChunk in JSON; with "
            "`stream_options.include_usage` the last one has the `usage` and no choices. The end is "
            "`data: [DONE]`. A failure after the first output, or after the status had to be sent, is one event with "
            "an Error instead, and no `[DONE]`. Comments (`: ping`) fill the quiet; a stream whose status had to be "
            "sent before the first output lacks the headers x-gateway-*."
        ),
    ),
    ("GET", "/v1/models"): Operation(
        id="listModels",
        summary="List the models",
        description="Every name that a request's `model` may have, aliases included.",
        answer="ModelList",
        failures=_OF_EVERY_ROUTE,
    ),
    ("GET", "/v1/models/{model+}"): Operation(
        id="retrieveModel",
        summary="Show one model",
        description="One entry of the list.",
        answer="Model",
        failures=(*_OF_EVERY_ROUTE, ModelUnknown),
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
}
