"""The description of a route, and what those of several endpoints consist of."""

from typing import NamedTuple

from qwen_gateway.api import HTTP_ERRORS, OPENAI, WireFormat
from qwen_gateway.errors import (
    DependencyFailed,
    GatewayError,
    InternalError,
    KeyRefused,
    LedgerUnavailable,
    ProviderResponseMissing,
    RequestInvalid,
    RequestTooLarge,
    ResponseUnknown,
)
from tools.openapi.headers import LIMIT_HEADERS, PROVIDER_HEADERS, RETIREMENT_HEADERS
from tools.openapi.schemas import TEXT, Json

Errors = tuple[type[GatewayError], ...]

ERRORS_OF_ALL_ROUTES: Errors = (KeyRefused, LedgerUnavailable, InternalError)
ERRORS_OF_STORED_RESPONSES: Errors = (ResponseUnknown, ProviderResponseMissing)
METERED_ERRORS: Errors = tuple(kind for kind in HTTP_ERRORS if not issubclass(kind, ERRORS_OF_STORED_RESPONSES))
"""The errors of calls that leave a record and refer to no stored response."""
UNMETERED_ERRORS: Errors = (RequestInvalid, RequestTooLarge, KeyRefused, InternalError, DependencyFailed)
"""The errors of calls without a record, beside those of their provider."""

ONE_RECORD = "A call that was let through leaves one usage record"
RELAYED = "It is relayed to providers that serve this API, not translated for others."
UNMETERED = "It costs nothing, has no limits but the key itself, and leaves no record."

TIMEOUT: Json = {
    "name": "x-gateway-timeout-ms",
    "in": "header",
    "description": "Milliseconds that the client waits. The gateway ends the call before they are over.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}


class Operation(NamedTuple):
    """One route. `request` and `response` are names of schemas, and `errors` contains base classes of its errors.

    `events` describes a stream, for a route that can stream. `wire` is the form of its errors.
    """

    id: str
    summary: str
    description: str
    response: str
    errors: Errors = ERRORS_OF_ALL_ROUTES
    headers: tuple[str, ...] = ("x-request-id",)
    parameters: tuple[Json, ...] = ()
    request: str | None = None
    events: str | None = None
    wire: WireFormat = OPENAI


def meter(operation: Operation) -> Operation:
    """Return a route with the errors and headers of calls that are limited and leave a record."""
    return operation._replace(
        errors=(*operation.errors, *METERED_ERRORS),
        headers=(*operation.headers, *PROVIDER_HEADERS, *RETIREMENT_HEADERS, *LIMIT_HEADERS),
    )


def describe_events(events: str, end: str, failure: str) -> str:
    """Return the description of a stream."""
    return (
        f"For `stream: true`. {events} The end is {end}. A failure after the first output, or after the status had to "
        f"be sent, is {failure}. Comments (`: ping`) fill the quiet; a stream whose status had to be sent before the "
        "first output lacks the headers of the provider."
    )


def build_parameter(name: str, place: str, description: str) -> Json:
    """Return an optional parameter: a text in a header or in the query."""
    return {"name": name, "in": place, "description": description, "schema": {"type": "string"}}


def build_path_parameter(name: str, description: str) -> Json:
    """Return a parameter of a path."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": TEXT}
