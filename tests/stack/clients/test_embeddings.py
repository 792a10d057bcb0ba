"""Embeddings with the clients of OpenAI and the AI SDK at their defaults; Python packages in thorough runs."""

from typing import Any

import pytest

from tests.stack.clients.conftest import Received
from tests.stack.clients.openai_clients import ClientError, Driver, OpenAiClient
from tests.stack.clients.python_packages import run_package

MODEL = "text-embedding-v4"
ROWS = [f"This is row {number} of many." for number in range(25)]


def test_the_default_encoding_is_decoded_in_order(openai_client: OpenAiClient, received: Received) -> None:
    body = openai_client.call("embed", model=MODEL, input=ROWS).body

    assert [row["index"] for row in body["data"]] == list(range(25))
    assert {len(row["embedding"]) for row in body["data"]} == {1024}
    assert all(isinstance(number, float) for number in body["data"][24]["embedding"])
    assert sorted(len(call["input"]) for call in received()) == [5, 10, 10]
    alone = openai_client.call("embed", model=MODEL, input=ROWS[24]).body["data"][0]["embedding"]
    assert body["data"][24]["embedding"] == alone


def test_both_encodings_have_the_same_numbers(openai_client: OpenAiClient) -> None:
    vectors = [
        openai_client.call("embed", model=MODEL, input="Hello.", dimensions=64, **fields).body["data"][0]["embedding"]
        for fields in ({}, {"encoding_format": "float"})
    ]

    assert vectors[0] == pytest.approx(vectors[1], abs=1e-7)


def test_a_refused_request_is_the_clients_exception(openai_client: OpenAiClient) -> None:
    with pytest.raises(ClientError) as caught:
        openai_client.call("embed", model=MODEL, input=[])

    assert (caught.value.kind, caught.value.status, caught.value.param) == ("BadRequestError", 400, "input")


def test_the_ai_sdk_embeds_many_values(stack: dict[str, Any], driver: Driver) -> None:
    endpoint = {"baseURL": stack["base_url"], "apiKey": stack["api_key"]}

    answer = driver.make({"client": "ai embed", "endpoint": endpoint, "body": {"model": MODEL, "values": ROWS}})

    assert [len(vector) for vector in answer["embeddings"]] == [1024] * 25
    assert answer["usage"]["tokens"] > 0


@pytest.mark.thorough
@pytest.mark.parametrize("package", ["langchain", "llama-index"])
def test_a_thousand_rows_are_embedded(stack: dict[str, Any], package: str) -> None:
    assert run_package(package, stack) == [1024] * 1_000
