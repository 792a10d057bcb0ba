"""An answer has the vectors of its rows in order and in the encoding that was asked for, or it is an error."""

import base64
import struct
from typing import Any

import pytest

from tests.builders import embeddings_request
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.chat.fake_provider import json_response, respond_with, run_fake_provider
from tests.integration.embeddings.rows import PRICE, read_vectors

DOLLAR = 10**12


def decode(text: str) -> list[float]:
    packed = base64.b64decode(text, validate=True)
    return list(struct.unpack(f"<{len(packed) // 4}f", packed))


def as_floats(numbers: list[float]) -> list[float]:
    """Return numbers with the precision of 32 bits."""
    return list(struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers)))


def test_one_text_has_one_vector_with_usage_and_cost(gateway: Gateway) -> None:
    answer = gateway.embed(embeddings_request())

    assert answer.status == 200
    assert answer.body.keys() == {"object", "data", "model", "usage"}
    assert (answer.body["object"], answer.body["model"]) == ("list", "text-embedding-v4")
    assert [row["object"] for row in answer.body["data"]] == ["embedding"]
    assert [len(vector) for vector in read_vectors(answer)] == [1024]
    tokens = answer.body["usage"]["prompt_tokens"]
    assert answer.body["usage"] == {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "cost": tokens * PRICE / DOLLAR,
        "cost_currency": "USD",
    }
    assert answer.headers["x-gateway-attempts"] == "1"


@pytest.mark.parametrize("dimensions", [64, 1024, 2048])
def test_base64_holds_the_same_numbers_in_32_bits(gateway: Gateway, dimensions: int) -> None:
    floats = gateway.embed(embeddings_request(input=["a", "b"], dimensions=dimensions))
    encoded = gateway.embed(embeddings_request(input=["a", "b"], dimensions=dimensions, encoding_format="base64"))

    vectors = [decode(text) for text in read_vectors(encoded)]
    assert vectors == [as_floats(vector) for vector in read_vectors(floats)]
    assert [len(vector) for vector in vectors] == [dimensions, dimensions]


def test_rows_that_arrive_in_another_order_are_sorted_by_their_index(make_gateway: MakeGateway) -> None:
    document = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}], "usage": {"prompt_tokens": 2}}
    with run_fake_provider(respond_with(json_response(document))) as provider:
        answer = make_gateway(provider.url).embed(embeddings_request(input=["a", "b"]))

    assert read_vectors(answer) == [[1], [2]]


def test_base64_of_the_provider_is_passed_on_or_decoded(make_gateway: MakeGateway) -> None:
    text = base64.b64encode(struct.pack("<2f", 0.5, -2)).decode()
    document = {"data": [{"index": 0, "embedding": text}], "usage": {"prompt_tokens": 2}}
    with run_fake_provider(respond_with(json_response(document))) as provider:
        gateway = make_gateway(provider.url)

        assert read_vectors(gateway.embed(embeddings_request())) == [[0.5, -2]]
        assert read_vectors(gateway.embed(embeddings_request(encoding_format="base64"))) == [text]


BROKEN: dict[str, Any] = {
    "no JSON": b'{"data": [',
    "no object": [],
    "no data": {"object": "list"},
    "too few rows": {"data": [{"index": 0, "embedding": [1]}]},
    "a row twice": {"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]},
    "no numbers": {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": ["x"]}]},
    "an empty vector": {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": []}]},
    "broken numbers": b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1 2]}]}',
    "broken base64": {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": "!!"}]},
    "rows that are no objects": {"data": [1, 2]},
}


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_an_error(make_gateway: MakeGateway, document: Any, encoding: str) -> None:
    with run_fake_provider(respond_with(json_response(document))) as provider:
        gateway = make_gateway(provider.url)

        answer = gateway.embed(embeddings_request(input=["a", "b"], encoding_format=encoding))

    assert answer.error == (502, "server_error", "provider_answer_broken")
    assert gateway.record(answer)["attempts"][0]["charged"] == "presumed"


def test_an_error_in_a_body_of_status_200_is_classified(make_gateway: MakeGateway) -> None:
    document = {"error": {"code": "Throttling", "message": "slow down"}}
    with run_fake_provider(respond_with(json_response(document))) as provider:
        answer = make_gateway(provider.url).embed(embeddings_request())

    assert answer.error == (429, "rate_limit_error", "provider_throttled")
