"""Answers, and errors of the function and of API Gateway."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.builders import chat_request, garbage_token, token
from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import Measure, ReadRecord

CHAT = "chat/completions"

type Send = Callable[[httpx2.Client], httpx2.Response]
ERRORS: dict[str, tuple[Send, int, str]] = {
    "no key": (
        lambda http: http.post(CHAT, json=chat_request(), headers={"authorization": ""}),
        401,
        "missing_api_key",
    ),
    "a key of another service": (
        lambda http: http.post(CHAT, json=chat_request(), headers={"authorization": f"Bearer {garbage_token()}"}),
        401,
        "invalid_api_key",
    ),
    "an unknown key": (
        lambda http: http.post(CHAT, json=chat_request(), headers={"authorization": f"Bearer {token()}"}),
        401,
        "invalid_api_key",
    ),
    "an unknown route": (lambda http: http.post("unknown", json={}), 404, "unknown_route"),
    "a wrong field": (lambda http: http.post(CHAT, json=chat_request(n=9)), 400, "invalid_request"),
    "a wrong field of a stream": (
        lambda http: http.post(CHAT, json=chat_request(n=9, stream=True)),
        400,
        "invalid_request",
    ),
    "an unknown model": (lambda http: http.post(CHAT, json=chat_request(model="no/model")), 404, "model_not_found"),
    "a body too large": (
        lambda http: http.post(CHAT, json=chat_request(user="x" * 5_600_000)),
        413,
        "request_too_large",
    ),
}


@proves(Claim.CLIENTS, Claim.RECORDS, Claim.REQUEST_IDS)
def test_a_call_returns_an_answer_and_writes_one_record(
    client: openai.OpenAI, read_record: ReadRecord, measure: Measure
) -> None:
    answer = client.chat.completions.with_raw_response.create(**chat_request())

    completion = answer.parse()
    assert completion.choices[0].message.content
    record = read_record(answer.headers["x-request-id"])
    assert record["outcome"] == "answered"
    assert (record["tokens_in"], record["tokens_out"]) == (
        completion.usage.prompt_tokens,
        completion.usage.completion_tokens,
    )
    assert record["latency_ms"] > 0
    assert len(record["attempts"]) == int(answer.headers["x-gateway-attempts"])
    measure(f"{record['tokens_in']} + {record['tokens_out']} tokens, {record['latency_ms']} ms", Claim.RECORDS)


@proves(Claim.CLIENTS)
def test_the_models_are_listed_and_found(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}

    assert {"qwen-max", "qwen-plus", "qwen-turbo"} <= names
    assert client.models.retrieve("qwen-plus").id == "qwen-plus"


@proves(Claim.WHOLE_ANSWERS)
def test_without_stream_the_answer_is_one_json_response(http: httpx2.Client) -> None:
    answer = http.post(CHAT, json=chat_request())

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["object"] == "chat.completion"


@proves(Claim.STREAMS)
def test_with_stream_the_answer_is_server_sent_events(http: httpx2.Client) -> None:
    answer = http.post(CHAT, json=chat_request(stream=True))

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")


@proves(Claim.ERRORS, Claim.REQUEST_IDS)
@pytest.mark.parametrize(("send", "status", "code"), ERRORS.values(), ids=ERRORS)
def test_an_error_has_openais_format(http: httpx2.Client, send: Send, status: int, code: str) -> None:
    answer = send(http)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["type"] == "error"
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"]
