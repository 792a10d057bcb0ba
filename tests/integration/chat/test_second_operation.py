"""A second kind of call, which only this file defines: the rest of the gateway serves it without a change."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from qwen_gateway import strictjson
from qwen_gateway.api import HttpExchange
from qwen_gateway.catalog import Model
from qwen_gateway.config import ApiFamily, Endpoint, Provider
from qwen_gateway.dialect import AdaptedRequest
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.pricing.request_limits import Unbounded
from qwen_gateway.upstream import RoutedRequest
from qwen_gateway.upstream.operations import Event, Method
from qwen_gateway.usage import Usage
from tests.builders import proxy_event
from tests.integration.chat.conftest import Answer, Gateway, MakeGateway, parse_response
from tests.integration.chat.fake_provider import (
    close,
    respond_in_order,
    respond_in_parts,
    respond_with,
    run_fake_provider,
)

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req-rerank\r\n"
SCORES = {"results": [{"index": 0, "relevance_score": 0.9}], "usage": {"prompt_tokens": 7}}
REQUEST = {"model": "qwen-turbo", "query": "q", "documents": ["d"]}


class AnyModel(NamedTuple):
    max_tokens: int = 0

    def are_met_by(self, _model: Model | None) -> bool:
        return True


class RerankReader:
    outputs = 0
    is_ready = False
    is_over = False
    is_complete = False

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}

    @property
    def usage(self) -> Usage:
        return Usage.parse(self.answer["usage"])

    def read(self, data: bytes) -> Event | None:
        try:
            self.answer = strictjson.loads(data)
        except ValueError:
            raise ProviderAnswerBroken("the answer is no JSON") from None
        self.is_complete = "results" in self.answer
        return None

    def finish(self) -> None:
        if not self.is_complete:
            raise ProviderAnswerBroken("the answer has no results")


class Rerank:
    endpoint: Endpoint = "embeddings"
    api_family: ApiFamily = "openai"
    method: Method = "POST"
    path = "/rerank"

    def requirements(self, _body: Mapping[str, Any]) -> AnyModel:
        return AnyModel()

    def adapt(
        self, body: Mapping[str, Any], _model: Model | None, _provider: Provider, _output_limit: int | None
    ) -> AdaptedRequest:
        return AdaptedRequest(dict(body))

    def whole_reader(self, _body: Mapping[str, Any]) -> RerankReader:
        return RerankReader()


def rerank(gateway: Gateway) -> Answer:
    headers = {"Authorization": f"Bearer {gateway.token}"}
    with HttpExchange(proxy_event("POST", "/v1/rerank", headers=headers)) as exchange:
        call = gateway.calls.start(exchange.request, remaining_s=7)
        routed = RoutedRequest("qwen-turbo", gateway.routes.targets("qwen-turbo"), REQUEST)
        exchange.respond(call.run(Rerank(), routed, lambda _body, _model: Unbounded("input")))
    return parse_response(exchange.response)


def json_response(body: bytes) -> bytes:
    return HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def test_its_answer_is_returned_and_its_usage_recorded(make_gateway: MakeGateway) -> None:
    with run_fake_provider(respond_with(json_response(json.dumps(SCORES).encode()))) as provider:
        gateway = make_gateway(provider.url)

        answer = rerank(gateway)

    assert (answer.status, answer.body) == (200, SCORES)
    assert answer.headers["x-gateway-attempts"] == "1"
    record = gateway.record(answer)
    assert (record["outcome"], record["model_asked"], record["tokens_in"]) == ("answered", "qwen-turbo", 7)
    assert record["attempts"][0]["provider_request_id"] == "req-rerank"
    (sent,) = provider.requests
    assert sent.startswith(b"POST /v1/rerank ")
    assert json.loads(sent.partition(b"\r\n\r\n")[2]) == REQUEST | {"model": "qwen-flash"}


CUT = respond_in_parts(HEAD, [json.dumps(SCORES).encode()[:20]], close)
NO_JSON = respond_with(json_response(b"{"))
EMPTY = respond_with(json_response(b""))
EVENT_STREAM = respond_with(json_response(b"data: {}\n\n").replace(b"application/json", b"text/event-stream"))


@pytest.mark.parametrize(
    "failure", [CUT, NO_JSON, EMPTY, EVENT_STREAM], ids=["cut", "no JSON", "empty", "event stream"]
)
def test_its_failures_cause_a_fallback_and_are_recorded(failure: Any, make_gateway: MakeGateway) -> None:
    success = respond_with(json_response(json.dumps(SCORES).encode()))
    with run_fake_provider(respond_in_order(failure, success)) as provider:
        gateway = make_gateway(provider.url, attempts=3)

        answer = rerank(gateway)

    assert (answer.status, answer.body) == (200, SCORES)
    attempts = gateway.record(answer)["attempts"]
    assert [(attempt.get("cause"), attempt["charged"]) for attempt in attempts] == [
        ("ProviderAnswerBroken", "presumed"),
        (None, "billed"),
    ]


def test_its_failure_has_the_error_of_every_call(make_gateway: MakeGateway) -> None:
    with run_fake_provider(CUT) as provider:
        answer = rerank(make_gateway(provider.url))

    assert answer.error == (502, "server_error", "provider_answer_broken")
