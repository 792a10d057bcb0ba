"""Embeddings end to end: encodings, rows split over several calls, refusals, records and holds."""

import base64
import json
import struct
import threading
from typing import Any

import pytest

from qwen_gateway.calls.split_call import MAX_PARTS_AT_ONCE
from qwen_gateway.upstream import Deadline
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import embeddings_request
from tests.integration.chat.conftest import Answer, Gateway, MakeGateway
from tests.integration.chat.fake_provider import respond_with, run_fake_provider

DOLLAR = 10**12
PRICE = 70_000
"""Pico-dollars of a token of text-embedding-v4 in Singapore: 0.07 dollars a million."""
FAST = {"timeouts": {"first_token": 30, "idle": 30}}


def make_rows(count: int) -> list[str]:
    return [f"This is row {index} of many." for index in range(count)]


def read_vectors(answer: Answer) -> list[Any]:
    assert [row["index"] for row in answer.body["data"]] == list(range(len(answer.body["data"])))
    return [row["embedding"] for row in answer.body["data"]]


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


def test_rows_are_split_into_calls_of_ten_and_keep_their_order(gateway: Gateway, provider: RunningMockQwen) -> None:
    rows = make_rows(95)

    answer = gateway.embed(embeddings_request(input=rows))

    calls = [call["body"]["input"] for call in provider.calls()]
    assert sorted(len(each) for each in calls) == [5] + [10] * 9
    assert sorted(row for each in calls for row in each) == sorted(rows)
    assert {call["body"]["encoding_format"] for call in provider.calls()} == {"float"}
    vectors = read_vectors(answer)
    assert len(vectors) == 95
    for index in (0, 9, 10, 94):
        assert read_vectors(gateway.embed(embeddings_request(input=rows[index])))[0] == vectors[index]


def test_a_split_call_leaves_one_record_with_the_sum_of_its_usage(gateway: Gateway, provider: RunningMockQwen) -> None:
    answer = gateway.embed(embeddings_request(input=make_rows(25), user="someone"))

    record = gateway.record(answer)
    tokens = answer.body["usage"]["prompt_tokens"]
    assert len(gateway.records()) == 1
    assert (record["endpoint"], record["outcome"], record["state"]) == ("embeddings", "answered", "settled")
    assert (record["tokens_in"], record["tokens_out"], record["cost"]) == (tokens, 0, tokens * PRICE)
    assert record["end_user"] == "someone"
    assert [(each["charged"], each["calls"]) for each in record["attempts"]] == [("billed", 3)]
    assert answer.headers["x-gateway-attempts"] == "3"


def test_at_most_a_few_calls_run_at_once(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    complete, lock, running, most = gateway.calls.upstream.complete, threading.Lock(), [0], [0]

    def count(*arguments: Any) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            return complete(*arguments)
        finally:
            with lock:
                running[0] -= 1

    monkeypatch.setattr(gateway.calls.upstream, "complete", count)

    gateway.embed(embeddings_request(input=make_rows(300)))

    assert 1 < most[0] <= MAX_PARTS_AT_ONCE


def test_five_thousand_rows_are_embedded(make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
    gateway = make_gateway(provider.url, more=FAST)

    answer = gateway.embed(
        embeddings_request(input=make_rows(5_000), dimensions=64, encoding_format="base64"), seconds=50
    )

    assert answer.status == 200
    assert len(answer.body["data"]) == 5_000
    assert gateway.record(answer)["attempts"][0]["calls"] == 500


def refuse_row(provider: RunningMockQwen, text: str) -> list[str]:
    """Return 100 rows, of which that of the ninth call is too long for the provider."""
    rows = make_rows(100)
    rows[85] = text
    return rows


def test_a_refused_row_fails_the_whole_request_and_what_was_billed_is_recorded(
    gateway: Gateway, provider: RunningMockQwen
) -> None:
    rows = refuse_row(provider, "word " * 9_000)

    answer = gateway.embed(embeddings_request(input=rows))

    assert answer.error == (400, "invalid_request_error", "context_length_exceeded")
    assert "[1, 8192]" in answer.body["error"]["message"]
    assert "data" not in answer.body
    record = gateway.record(answer)
    assert (record["outcome"], record["status"]) == ("context_length_exceeded", 400)
    failed, billed = record["attempts"]
    assert (failed["cause"], failed["charged"]) == ("ProviderContextExceeded", "none")
    assert billed["charged"] == "billed"
    assert record["tokens_in"] > 0
    assert record["cost"] == record["tokens_in"] * PRICE


def test_a_refusal_names_the_rows_that_were_sent(gateway: Gateway, provider: RunningMockQwen) -> None:
    answer = gateway.embed(embeddings_request(input=refuse_row(provider, "word " * 9_000)))

    assert answer.body["error"]["message"].startswith("input[80] to input[89]: ")
    assert answer.body["error"]["param"] == "input"


def test_after_a_refusal_no_further_call_starts(gateway: Gateway, provider: RunningMockQwen) -> None:
    rows = make_rows(1_000)
    rows[0] = "word " * 9_000

    answer = gateway.embed(embeddings_request(input=rows))

    assert answer.status == 400
    assert len(provider.calls()) < 100


def test_a_throttled_part_is_repeated_alone(make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"status": 429, "code": "limit_requests", "times": 2}]})
    gateway = make_gateway(provider.url, attempts=4)

    answer = gateway.embed(embeddings_request(input=make_rows(40)))

    assert answer.status == 200
    record = gateway.record(answer)
    assert [(each.get("cause"), each["charged"], each.get("calls")) for each in record["attempts"]] == [
        ("ProviderThrottled", "none", 2),
        (None, "billed", 4),
    ]
    assert len(provider.calls()) == 6


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


def json_response(document: Any) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req-1\r\n"
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def test_a_chat_model_gives_no_embeddings_and_an_embedding_model_no_answers(gateway: Gateway) -> None:
    chat, embeddings = (
        gateway.embed(embeddings_request(model="qwen-plus")),
        gateway.chat({"model": "text-embedding-v4", "messages": [{"role": "user", "content": "Hello."}]}),
    )

    for answer in (chat, embeddings):
        assert answer.error == (400, "invalid_request_error", "invalid_request")
        assert answer.body["error"]["param"] == "model"
    assert "POST /v1/embeddings" in embeddings.body["error"]["message"]


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


def test_a_provider_that_serves_no_embeddings_is_passed_over(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    more = {"providers": {"dashscope": {"endpoints": ["chat/completions"]}}}
    gateway = make_gateway(provider.url, more=more)

    answer = gateway.embed(embeddings_request())

    assert answer.error == (400, "invalid_request_error", "endpoint_not_served")
    assert "POST /v1/chat/completions" in answer.body["error"]["message"]
    assert gateway.embed(embeddings_request(), key=gateway.add_key(disabled=True)).error[2] == "revoked_api_key"


class TestKeysWithABudget:
    def test_the_hold_covers_every_row_and_is_released_at_the_cost(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=DOLLAR)

        answer = gateway.embed(embeddings_request(input=make_rows(25)), key=key)

        item = gateway.key(key)
        assert (item["holds"], item["spent"]) == ({}, gateway.record(answer)["cost"])
        assert item["remaining"] == DOLLAR - item["spent"]

    def test_a_request_above_the_budget_is_refused_without_a_call(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        key = gateway.add_key(budget=25 * 40 * PRICE - 1)

        answer = gateway.embed(embeddings_request(input=["x" * 24] * 25), key=key)

        assert answer.error == (402, "insufficient_quota", "budget_exhausted")
        assert provider.calls() == []
        assert gateway.records() == []
        assert gateway.embed(embeddings_request(input=["x" * 24] * 24), key=key).status == 200

    def test_a_row_counts_at_most_the_tokens_that_the_model_takes(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=8_192 * PRICE)

        answer = gateway.embed(embeddings_request(input="word " * 9_000), key=key)

        assert answer.error[2] == "context_length_exceeded", "the budget did not suffice"

    def test_a_presumed_part_is_held_beside_the_others_and_charged(
        self, make_gateway: MakeGateway, provider: RunningMockQwen
    ) -> None:
        provider.control({"faults": [{"status": 500, "code": "InternalError"}]})
        gateway = make_gateway(provider.url, attempts=2)
        rows = ["x" * 24] * 30
        whole, part = 30 * 40 * PRICE, 10 * 40 * PRICE
        poor, rich = gateway.add_key(budget=whole), gateway.add_key(budget=whole + part)

        answer = gateway.embed(embeddings_request(input=rows), key=rich)

        record = gateway.record(answer)
        assert (answer.status, record["attempts"][0]["presumed_cost"]) == (200, part)
        assert record["cost"] == part + record["tokens_in"] * PRICE
        assert gateway.key(rich)["holds"] == {}
        provider.control({"faults": [{"status": 500, "code": "InternalError"}]})
        refused = gateway.embed(embeddings_request(input=rows), key=poor)
        assert (refused.status, refused.error[2]) == (503, "provider_failed")
        assert gateway.key(poor)["holds"] == {}
        assert gateway.key(poor)["remaining"] >= 0

    def test_a_model_without_a_price_is_refused(self, make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
        gateway = make_gateway(provider.url, more={"providers": {"dashscope": {"prices": None}}})

        answer = gateway.embed(embeddings_request(), key=gateway.add_key(budget=DOLLAR))

        assert answer.error == (400, "invalid_request_error", "cost_unbounded")


def test_an_internal_error_of_a_part_charges_the_whole_hold(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = gateway.calls.upstream.complete

    def fail(operation: Any, request: Any, deadline: Deadline, before_attempt: Any) -> Any:
        if "This is row 15 of many." in request.body["input"]:
            raise ZeroDivisionError
        return complete(operation, request, deadline, before_attempt)

    monkeypatch.setattr(gateway.calls.upstream, "complete", fail)
    key = gateway.add_key(budget=DOLLAR)

    answer = gateway.embed(embeddings_request(input=make_rows(30)), key=key)

    assert answer.error == (500, "server_error", "internal_error")
    record = gateway.record(answer)
    assert record["state"] == "settled"
    assert record["cost"] == gateway.key(key)["spent"] > 30 * PRICE
