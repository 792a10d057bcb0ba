"""CORS for OpenAI's Node client in a browser: preflights and exposed headers."""

from typing import Any

import httpx2
import pytest

ROUTES = [("POST", "chat/completions"), ("GET", "models"), ("GET", "models/qwen-max")]
CLIENT_HEADERS = {
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
"""Sent by openai 7.57 in Chromium; x-stainless-timeout only with a timeout set for the call."""


def split_header(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_preflights_allow_every_header_of_the_client(stack: dict[str, Any], method: str, path: str) -> None:
    headers = {
        "origin": "https://app.example",
        "access-control-request-method": method,
        "access-control-request-headers": ",".join(sorted(CLIENT_HEADERS)),
    }
    answer = httpx2.options(f"{stack['base_url']}/{path}", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method.lower() in split_header(answer.headers["access-control-allow-methods"])
    assert split_header(answer.headers["access-control-allow-headers"]) >= CLIENT_HEADERS


def test_responses_and_errors_expose_their_headers(stack: dict[str, Any]) -> None:
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
        exposed = split_header(answer.headers["access-control-expose-headers"])
        assert exposed >= {"x-request-id", "x-should-retry", "retry-after", "x-gateway-model"}
        assert answer.headers["x-request-id"]
