"""What a browser asks before it lets OpenAI's Node client call, and what it lets the client read."""

from typing import Any

import httpx2
import pytest

ROUTES = [("POST", "chat/completions"), ("GET", "models"), ("GET", "models/qwen-max")]
ASKED = {
    "authorization",
    "content-type",
    "x-stainless-arch",
    "x-stainless-helper-method",
    "x-stainless-lang",
    "x-stainless-os",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-timeout",
}
"""Seen with openai 7.57 in Chromium; the timeout comes with a call that has one of its own."""


def names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_header_of_the_client_may_be_sent(stack: dict[str, Any], method: str, path: str) -> None:
    asking = {
        "origin": "https://app.example",
        "access-control-request-method": method,
        "access-control-request-headers": ",".join(sorted(ASKED)),
    }
    answer = httpx2.options(f"{stack['base_url']}/{path}", headers=asking)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method.lower() in names(answer.headers["access-control-allow-methods"])
    assert names(answer.headers["access-control-allow-headers"]) >= ASKED


def test_answers_and_errors_can_be_read_with_their_ids(stack: dict[str, Any]) -> None:
    url, key = stack["base_url"], {"authorization": f"Bearer {stack['api_key']}"}
    answers = {
        200: httpx2.get(f"{url}/models", headers=key),
        401: httpx2.get(f"{url}/models"),
        400: httpx2.post(f"{url}/chat/completions", headers=key, json={}),
        404: httpx2.post(f"{url}/responses", headers=key, json={}),
        413: httpx2.post(f"{url}/chat/completions", headers=key, content=b"x" * 10_500_000),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = names(answer.headers["access-control-expose-headers"])
        assert exposed >= {"x-request-id", "x-should-retry", "retry-after", "x-gateway-model"}
        assert answer.headers["x-request-id"]
