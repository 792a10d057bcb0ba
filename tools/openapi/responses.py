"""OpenAI's Responses: the routes, and the schemas of their responses."""

from qwen_gateway.errors import ProviderError, ResponseUnknown
from tools.openapi.headers import ADJUSTMENT_HEADERS, PROVIDER_HEADERS
from tools.openapi.operations import (
    ERRORS_OF_STORED_RESPONSES,
    ONE_RECORD,
    RELAYED,
    TIMEOUT,
    UNMETERED,
    UNMETERED_ERRORS,
    Operation,
    build_parameter,
    build_path_parameter,
    describe_events,
    meter,
)
from tools.openapi.schemas import INPUT_AND_OUTPUT_TOKENS, PROVIDER_MODEL, TEXT_OR_NULL, TYPED_OBJECTS, Json

RESPONSE = {
    "type": "object",
    "required": ["id", "object", "status", "output"],
    "properties": {
        "id": {"type": "string", "description": "What previous_response_id of the next request may name."},
        "object": {"const": "response"},
        "status": {"type": "string"},
        "model": PROVIDER_MODEL,
        "output": TYPED_OBJECTS,
        "usage": {
            "type": ["object", "null"],
            "description": "As the provider counted, with the cost; without it where a stored one is read.",
            "properties": INPUT_AND_OUTPUT_TOKENS,
        },
    },
}
DELETED_RESPONSE = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string"}, "deleted": {"type": "boolean"}},
}
INPUT_ITEM_LIST = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {"type": "array", "items": {"type": "object"}},
        "first_id": TEXT_OR_NULL,
        "last_id": TEXT_OR_NULL,
        "has_more": {"type": "boolean"},
    },
}


def _build_stored(operation_id: str, summary: str, response: str, query: tuple[Json, ...] = ()) -> Operation:
    """Return the operation of a route for a stored response."""
    return Operation(
        id=operation_id,
        summary=summary,
        description=f"Only for the key that made it, and for as long as the provider keeps it. {UNMETERED}",
        response=response,
        errors=(*UNMETERED_ERRORS, ResponseUnknown, ProviderError),
        headers=("x-request-id", *PROVIDER_HEADERS),
        parameters=(build_path_parameter("response_id", "Its id."), *query, TIMEOUT),
    )


OPERATIONS = {
    ("POST", "/v1/responses"): meter(
        Operation(
            id="createResponse",
            summary="Answer a request for OpenAI's Responses",
            description=(
                f"{RELAYED} A response that continues another one goes to the target that has that one, and never to "
                f"another. {ONE_RECORD}."
            ),
            response="Response",
            errors=ERRORS_OF_STORED_RESPONSES,
            headers=("x-request-id", *ADJUSTMENT_HEADERS),
            parameters=(TIMEOUT,),
            request="ResponsesRequest",
            events=describe_events(
                "The events are those of the provider, with their names, without those that OpenAI's clients do not "
                "know; the `usage` of the last one has the cost.",
                end="`response.completed` or `response.incomplete`",
                failure="an event `error` instead, with the fields of the error at the top and in an `error` object",
            ),
        )
    ),
    ("GET", "/v1/responses/{response_id}"): _build_stored("retrieveResponse", "Read a stored response", "Response"),
    ("DELETE", "/v1/responses/{response_id}"): _build_stored(
        "deleteResponse", "Delete a stored response", "DeletedResponse"
    ),
    ("GET", "/v1/responses/{response_id}/input_items"): _build_stored(
        "listInputItems",
        "List the input of a stored response",
        "InputItemList",
        query=(
            build_parameter("after", "query", "The id of the item before the first one of the list."),
            build_parameter("limit", "query", "How many items."),
            build_parameter("order", "query", "`asc` or `desc`."),
        ),
    ),
}
