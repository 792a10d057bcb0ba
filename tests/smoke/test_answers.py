"""Whole answers, and refusals by the function and by API Gateway itself."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.builders import chat_request, garbage_token
from tests.smoke.conftest import ReadRecord

CHAT = "chat/completions"

type Ask = Callable[[httpx2.Client], httpx2.Response]
REFUSALS: dict[str, tuple[Ask, int, str]] = {
    "a wrong key": (
        lambda http: http.post(CHAT, json=chat_request(), headers={"authorization": f"Bearer {garbage_token()}"}),
        401,
        "invalid_api_key",
    ),
    "an unknown route": (lambda http: http.post("responses", json={}), 404, "unknown_route"),
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


def test_a_call_is_answered_and_leaves_one_record(client: openai.OpenAI, record: ReadRecord) -> None:
    answer = client.chat.completions.with_raw_response.create(**chat_request())

    completion = answer.parse()
    assert completion.choices[0].message.content
    recorded = record(answer.headers["x-request-id"])
    assert recorded["outcome"] == "answered"
    assert recorded["tokens_out"] == completion.usage.completion_tokens


@pytest.mark.parametrize(("ask", "status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_has_openais_shape(http: httpx2.Client, ask: Ask, status: int, code: str) -> None:
    answer = ask(http)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"]
