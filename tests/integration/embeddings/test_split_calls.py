"""Many rows are split over several calls, of which a failed one is repeated alone or fails the whole request."""

import threading
from typing import Any

import pytest

from qwen_gateway.calls.split_call import MAX_PARTS_AT_ONCE
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import embeddings_request
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.embeddings.rows import PRICE, make_rows, read_vectors

FAST = {"timeouts": {"first_token": 30, "idle": 30}}


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
