"""The form of errors and events for the clients of each dialect."""

import json

import pytest

from qwen_gateway.api import ANTHROPIC, HTTP_ERRORS, OPENAI, ResponsesFormat
from qwen_gateway.errors import (
    BudgetExhausted,
    GatewayError,
    InternalError,
    KeyUnknown,
    ModelNotAllowed,
    ModelUnknown,
    ProviderAnswerBroken,
    ProviderFault,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderThrottled,
    ProviderTimeout,
    RequestInvalid,
    RequestTooLarge,
)
from qwen_gateway.request_ids import RequestIds
from qwen_gateway.upstream.operations import Event

IDS = RequestIds("req_1")
TYPES: dict[type[GatewayError], str] = {
    RequestInvalid: "invalid_request_error",
    KeyUnknown: "authentication_error",
    BudgetExhausted: "billing_error",
    ModelNotAllowed: "permission_error",
    ModelUnknown: "not_found_error",
    RequestTooLarge: "request_too_large",
    ProviderThrottled: "rate_limit_error",
    ProviderOverloaded: "overloaded_error",
    ProviderTimeout: "timeout_error",
    ProviderFault: "api_error",
    ProviderOutOfCredit: "api_error",
    ProviderAnswerBroken: "api_error",
    InternalError: "api_error",
}
"""Anthropic's types (platform.claude.com, Errors)."""


@pytest.mark.parametrize(("kind", "expected"), TYPES.items(), ids=lambda each: getattr(each, "__name__", each))
def test_an_error_has_anthropics_type(kind: type[GatewayError], expected: str) -> None:
    error = InternalError(ValueError()) if kind is InternalError else kind("Words.")

    body = ANTHROPIC.error_body(error, IDS)

    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", expected, "req_1")
    assert body["error"]["code"] == HTTP_ERRORS[kind].code


def test_the_dialects_differ_only_in_the_type_and_the_id() -> None:
    error = RequestTooLarge("Words.", param="messages")

    openai, anthropic = OPENAI.error_body(error, IDS), ANTHROPIC.error_body(error, IDS)

    assert openai["error"] | {"type": "request_too_large"} == anthropic["error"]
    assert openai["error"]["type"] == "invalid_request_error"


def test_a_late_error_is_an_event_of_that_name() -> None:
    event = ANTHROPIC.encode_error(ProviderFault("Words."), IDS)

    name, data, *rest = event.decode().split("\n")
    assert (name, rest) == ("event: error", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == ANTHROPIC.error_body(ProviderFault("Words."), IDS)


@pytest.mark.parametrize("kind", ["message_stop", None, 7, "two words", "line\nbreak", "ü"])
def test_only_a_word_becomes_the_name_of_an_event(kind: object) -> None:
    event = ANTHROPIC.encode_events([Event(b"{}", {"type": kind})])

    assert event == (b"event: message_stop\ndata: {}\n\n" if kind == "message_stop" else b"data: {}\n\n")


def test_line_breaks_within_an_event_stay_within_it() -> None:
    assert ANTHROPIC.encode_events([Event(b'{\r\n"a": 1}', {})]) == b'data: {\ndata: \ndata: "a": 1}\n\n'


def test_anthropics_clients_find_the_id_in_their_own_header() -> None:
    assert ANTHROPIC.id_headers(IDS) == {"x-request-id": "req_1", "request-id": "req_1"}
    assert OPENAI.id_headers(IDS) == {"x-request-id": "req_1"}


def test_a_late_error_of_responses_has_its_fields_twice_and_the_next_number() -> None:
    wire, error = ResponsesFormat(), ProviderFault("Words.")
    wire.encode_events([Event(b"{}", {"type": "response.created", "sequence_number": 4})])

    name, data, *_ = wire.encode_error(error, IDS).decode().split("\n")

    fields = OPENAI.error_body(error, IDS)["error"]
    expected = {**fields, "type": "error", "sequence_number": 5, "error": fields}
    assert (name, json.loads(data.removeprefix("data: "))) == ("event: error", expected)


def test_the_events_of_responses_have_names_with_dots() -> None:
    event = ResponsesFormat().encode_events([Event(b"{}", {"type": "response.output_text.delta"})])

    assert event == b"event: response.output_text.delta\ndata: {}\n\n"
