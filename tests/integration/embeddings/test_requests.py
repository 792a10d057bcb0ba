"""Which requests for embeddings are accepted, and which models and providers serve them."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import embeddings_request
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.chat.fake_provider import json_response, respond_with, run_fake_provider
from tests.integration.embeddings.rows import read_vectors

ANOTHER_PROVIDER = {
    "routes": {
        "mine": [
            {"model": "text-embedding-v4"},
            {"model": "text-embedding-v3"},
            {"model": "text-embedding-v4", "provider": "holysheep"},
        ]
    }
}


def test_only_another_provider_of_the_same_model_stands_in(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    provider.control({"faults": [{"status": 500, "code": "InternalError"}]})
    more = {**ANOTHER_PROVIDER, "providers": {"holysheep": {"base_url": f"{provider.url}/v1"}}}
    gateway = make_gateway(provider.url, attempts=2, more=more)
    gateway.aws.store_provider_keys(dashscope="sk-1", holysheep="sk-2")

    answer = gateway.embed(embeddings_request(model="mine"))

    assert answer.status == 200
    assert {call["model"] for call in provider.calls()} == {"text-embedding-v4"}
    assert {each["model"] for each in gateway.record(answer)["attempts"]} == {"text-embedding-v4"}


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no input": ({"input": None}, "input"),
    "an empty text": ({"input": ""}, "input"),
    "no rows": ({"input": []}, "input"),
    "an empty row": ({"input": ["a", ""]}, "input[1]"),
    "mixed rows": ({"input": ["a", 1]}, "input[1]"),
    "a number": ({"input": 7}, "input"),
    "an empty row of tokens": ({"input": [[]]}, "input[0]"),
    "an unknown encoding": ({"encoding_format": "int8"}, "encoding_format"),
    "no dimensions": ({"dimensions": 0}, "dimensions"),
}


@pytest.mark.parametrize(("fields", "param"), INVALID.values(), ids=INVALID)
def test_an_invalid_request_is_rejected_with_the_field(
    gateway: Gateway, provider: RunningMockQwen, fields: dict[str, Any], param: str
) -> None:
    answer = gateway.embed(embeddings_request(**fields))

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == param
    assert provider.calls() == []
    assert gateway.records() == []


@pytest.mark.parametrize("tokens", [[104, 101], [[104, 101], [7]]])
def test_token_ids_are_refused_for_a_model_that_takes_none(gateway: Gateway, tokens: Any) -> None:
    answer = gateway.embed(embeddings_request(input=tokens))

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == "input"
    assert "check_embedding_ctx_length=False" in answer.body["error"]["message"]


def test_token_ids_are_passed_to_a_model_that_the_catalog_does_not_describe(make_gateway: MakeGateway) -> None:
    document = {"data": [{"index": 0, "embedding": [1, 2.5]}], "model": "other", "usage": {"prompt_tokens": 2}}
    with run_fake_provider(respond_with(json_response(document))) as provider:
        gateway = make_gateway(provider.url, more={"routes": {"other": [{"model": "other"}]}})

        answer = gateway.embed(embeddings_request(model="other", input=[[104, 101]]))

    assert read_vectors(answer) == [[1, 2.5]]
    assert json.loads(provider.requests[0].partition(b"\r\n\r\n")[2])["input"] == [[104, 101]]


def test_a_chat_model_gives_no_embeddings_and_an_embedding_model_no_answers(gateway: Gateway) -> None:
    chat, embeddings = (
        gateway.embed(embeddings_request(model="qwen-plus")),
        gateway.chat({"model": "text-embedding-v4", "messages": [{"role": "user", "content": "Hello."}]}),
    )

    for answer in (chat, embeddings):
        assert answer.error == (400, "invalid_request_error", "invalid_request")
        assert answer.body["error"]["param"] == "model"
    assert "POST /v1/embeddings" in embeddings.body["error"]["message"]


def test_a_provider_that_serves_no_embeddings_is_passed_over(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    more = {"providers": {"dashscope": {"endpoints": ["chat/completions"]}}}
    gateway = make_gateway(provider.url, more=more)

    answer = gateway.embed(embeddings_request())

    assert answer.error == (400, "invalid_request_error", "endpoint_not_served")
    assert "POST /v1/chat/completions" in answer.body["error"]["message"]
    assert gateway.embed(embeddings_request(), key=gateway.add_key(disabled=True)).error[2] == "revoked_api_key"
