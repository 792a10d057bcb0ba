"""Real responses and errors match docs/openapi.json."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest

from qwen_gateway import catalog
from qwen_gateway.api import HTTP_ERRORS
from qwen_gateway.errors import GatewayError, ProviderConnectTimeout, ProviderIdleDisconnected, ProviderUnreachable
from qwen_gateway.ledger import token as form
from qwen_gateway.ledger.roll_up import RollUp
from qwen_gateway_cli.local.apigateway import gateway_errors
from qwen_gateway_cli.local.apigateway.gateway_errors import ApiGatewayError
from qwen_gateway_cli.local.apigateway.rest_api import RestApi, parse_rest_api
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import chat_request, embeddings_request, key_snapshot, messages_request, responses_request
from tests.builders.ledger import EXPIRED_S, put_late_record
from tests.contract.openapi.described import (
    CHAT,
    COUNT,
    DELETE,
    EMBED,
    LIST,
    LIST_INPUT,
    MESSAGE,
    READ,
    RESPOND,
    ROUTES,
    SHOW,
    STORED_ROUTES,
    USAGE,
    Described,
    Route,
)
from tests.contract.openapi.error_causes import CAUSES, CONFIGURATION, create_sender
from tests.contract.template import Template
from tests.integration.chat.conftest import Gateway, MakeGateway
from tools.openapi.document import OPERATIONS

Json = dict[str, Any]

UNREACHABLE = "http://127.0.0.1:1"
UNKNOWN_ROUTE = {"MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE"}
DEFAULT_STATUSES = {"DEFAULT_4XX": (400, 403, 431), "DEFAULT_5XX": (500, 502)}
"""Some statuses of errors that have only a default response."""


def test_every_error_of_the_table_has_a_cause() -> None:
    same_for_clients = {ProviderConnectTimeout, ProviderIdleDisconnected}

    assert CAUSES.keys() == HTTP_ERRORS.keys() - same_for_clients


@pytest.mark.parametrize("kind", CAUSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1])
def test_an_error_matches_the_description_of_its_route(
    described: Described, make_gateway: MakeGateway, provider: RunningMockQwen, route: Route, kind: type[GatewayError]
) -> None:
    gateway = make_gateway(UNREACHABLE if kind is ProviderUnreachable else provider.url, more=CONFIGURATION)

    answer = CAUSES[kind](gateway, provider, create_sender(gateway, route))

    described.check(described.response(route, answer.status), answer.headers, answer.body)
    if issubclass(kind, OPERATIONS[route].errors):
        expected = HTTP_ERRORS[kind]
        kind_of_dialect = OPERATIONS[route].wire.error_type(expected)
        assert answer.error == (expected.status, kind_of_dialect, expected.code)
    else:
        assert answer.status == 200


REJECTED_NUMBERS = {"max_tokens": 10_000_000, "temperature": 2, "top_p": 0}
"""The gateway replaces them, so the response has every described header."""
REQUESTS: dict[str, Json] = {
    "text": {},
    "two answers": {"n": 2},
    "a tool call": {"tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]},
    "JSON": {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Say it in JSON."}]},
    "thinking": {"enable_thinking": True},
}


RETIRING = "qwen3-max"
SHADOW = {"rpm": 0, "tpm": 1, "on_limit": "warn"}
"""The settings of a key whose answers have every described header of limits."""


@pytest.fixture
def retiring(make_gateway: MakeGateway, provider: RunningMockQwen) -> Gateway:
    """A gateway one day before a model retires, so that its answers have every described header."""
    provider.control({"models": [RETIRING]})
    retirement = catalog.section("dashscope-intl")[RETIRING].retirement
    assert retirement
    return make_gateway(provider.url, now=retirement.date - timedelta(days=1))


@pytest.mark.parametrize("fields", REQUESTS.values(), ids=REQUESTS)
def test_an_answer_matches_its_description(
    described: Described, retiring: Gateway, provider: RunningMockQwen, fields: Json
) -> None:
    provider.control({"prompt_tokens": 40, "completion_tokens": 9, "reasoning_tokens": 5, "cached_tokens": 30})
    request = chat_request(model=RETIRING, **REJECTED_NUMBERS, **fields)
    described.validator({"$ref": "#/components/schemas/ChatRequest"}).validate(request)

    answer = retiring.chat(request, key=retiring.add_key(**SHADOW))

    assert answer.status == 200
    assert answer.headers.keys() >= described.response(CHAT, 200)["headers"].keys()
    assert "usage" in answer.body
    described.check(described.response(CHAT, 200), answer.headers, answer.body)


@pytest.mark.parametrize("fields", REQUESTS.values(), ids=REQUESTS)
def test_each_chunk_of_a_stream_matches_its_description(
    described: Described, retiring: Gateway, provider: RunningMockQwen, fields: Json
) -> None:
    provider.control({"reasoning_tokens": 5, "cached_tokens": 4})
    options = {"stream": True, "stream_options": {"include_usage": True}}
    request = chat_request(model=RETIRING, **REJECTED_NUMBERS, **options, **fields)
    described.validator({"$ref": "#/components/schemas/ChatRequest"}).validate(request)

    stream = retiring.stream(request, key=retiring.add_key(**SHADOW))

    response = described.response(CHAT, stream.status)
    assert "text/event-stream" in response["content"]
    assert stream.headers.keys() >= response["headers"].keys()
    described.check_headers(response, stream.headers)
    assert stream.is_done
    for chunk in stream.chunks:
        described.validator({"$ref": "#/components/schemas/ChatCompletionChunk"}).validate(chunk)
    assert stream.usage_chunks == [stream.chunks[-1]]


def test_a_late_error_of_a_stream_matches_its_description(
    described: Described, gateway: Gateway, provider: RunningMockQwen
) -> None:
    provider.control({"faults": [{"kind": "error_event", "after_chunks": 2}]})

    stream = gateway.stream(chat_request())

    assert stream.chunks
    described.validator({"$ref": "#/components/schemas/ErrorEvent"}).validate(json.loads(stream.data[-1]))


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_match_their_description(described: Described, gateway: Gateway, encoding: str) -> None:
    request = embeddings_request(input=["a", "b"], encoding_format=encoding)
    described.validator({"$ref": "#/components/schemas/EmbeddingsRequest"}).validate(request)

    answer = gateway.embed(request, key=gateway.add_key(**SHADOW))

    assert answer.status == 200
    described.check(described.response(EMBED, 200), answer.headers, answer.body)


def test_messages_and_counts_match_their_description(described: Described, gateway: Gateway) -> None:
    request = messages_request(max_tokens=10_000_000)
    described.validator({"$ref": "#/components/schemas/MessagesRequest"}).validate(request)
    stream = gateway.stream_message(request)

    described.check_headers(described.response(MESSAGE, 200), stream.headers)
    counted = gateway.count_tokens(messages_request())
    for route, answer in ((MESSAGE, gateway.message(request)), (COUNT, counted)):
        assert answer.status == 200
        described.check(described.response(route, 200), answer.headers, answer.body)


def test_models_match_their_description(described: Described, gateway: Gateway) -> None:
    for route, answer in ((LIST, gateway.models()), (SHOW, gateway.models("qwen-plus"))):
        assert answer.status == 200
        described.check(described.response(route, 200), answer.headers, answer.body)


@pytest.mark.parametrize("budget", [None, 10**12])
def test_the_use_of_a_key_matches_its_description(described: Described, gateway: Gateway, budget: int | None) -> None:
    key = gateway.add_key(budget=budget)
    put_late_record(gateway.aws, int(time.time() - EXPIRED_S) * 1000, key_id=form.parse(key).id)
    RollUp(gateway.aws.dynamodb, gateway.aws.usage_table, time.time()).run(key_snapshot(id=form.parse(key).id))

    answer = gateway.usage(key=key)

    assert answer.status == 200
    assert (answer.body["budget"] is None) == (budget is None)
    described.check(described.response(USAGE, 200), answer.headers, answer.body)


@pytest.fixture(scope="module")
def api(template: Template) -> RestApi:
    """The API of the template, with its GatewayResponses."""
    return parse_rest_api(template, {})


def test_the_errors_of_api_gateway_match_their_description(described: Described, api: RestApi) -> None:
    for kind, configured in api.gateway_responses.items():
        for status in DEFAULT_STATUSES.get(kind, (configured.status or 0,)):
            answer = gateway_errors.build_error_response(
                ApiGatewayError(kind, status, "Words.", "x"), api, "edge-request-id"
            )
            unknown = described.document["components"]["responses"]["UnknownRoute"]
            for route in ROUTES:
                response = unknown if kind in UNKNOWN_ROUTE else described.response(route, status)
                described.check(response, answer.headers, json.loads(bytes(answer.body)))


@pytest.mark.parametrize("fields", [{}, {"tools": [{"type": "function", "name": "look_up", "parameters": {}}]}])
def test_a_response_matches_its_description(
    described: Described, retiring: Gateway, provider: RunningMockQwen, fields: Json
) -> None:
    provider.control({"reasoning_tokens": 5})
    numbers = {"max_output_tokens": 10_000_000, "temperature": 2, "top_p": 0}
    request = responses_request(model=RETIRING, **numbers, **fields)
    described.validator({"$ref": "#/components/schemas/ResponsesRequest"}).validate(request)

    answer = retiring.respond(request, key=retiring.add_key(**SHADOW))

    assert answer.status == 200
    assert answer.headers.keys() >= described.response(RESPOND, 200)["headers"].keys()
    described.check(described.response(RESPOND, 200), answer.headers, answer.body)


def test_a_stored_response_matches_its_description(described: Described, gateway: Gateway) -> None:
    made = gateway.respond(responses_request()).body["id"]

    for route, part in ((READ, ""), (LIST_INPUT, "input_items"), (DELETE, "")):
        answer = gateway.stored(route[0], made, part)
        assert answer.status == 200
        described.check(described.response(route, 200), answer.headers, answer.body)


@pytest.mark.parametrize("route", STORED_ROUTES, ids=str)
def test_an_error_of_a_stored_response_matches_its_description(
    described: Described, gateway: Gateway, route: Route
) -> None:
    part = "input_items" if route == LIST_INPUT else ""
    for key, status in ((None, 404), (gateway.add_key(disabled=True), 401), ("", 401)):
        answer = gateway.stored(route[0], "resp_unknown", part, key=key)
        assert answer.status == status
        described.check(described.response(route, status), answer.headers, answer.body)
