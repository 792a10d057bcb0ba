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
OTHER_HEADERS = {
    *("http-referer", "x-title", "openai-organization", "openai-project", "openai-beta", "idempotency-key"),
    *("traceparent", "tracestate", "user-agent", "x-request-id", "x-gateway-timeout-ms", "x-unknown"),
}
"""Sent by other clients."""


def split_header(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


def find_rejected(names: set[str], preflight: httpx2.Headers) -> set[str]:
    """Return the headers for which a browser rejects the preflight (Fetch standard, CORS-preflight fetch).

    The wildcard covers every header but Authorization, in requests without credentials.
    """
    assert "access-control-allow-credentials" not in preflight
    allowed = split_header(preflight["access-control-allow-headers"])
    return names - allowed if "*" not in allowed else (names & {"authorization"}) - allowed


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("names", [CLIENT_HEADERS, {"authorization", *OTHER_HEADERS}], ids=["openai", "others"])
def test_preflights_allow_every_header(stack: dict[str, Any], method: str, path: str, names: set[str]) -> None:
    headers = {
        "origin": "https://app.example",
        "access-control-request-method": method,
        "access-control-request-headers": ",".join(sorted(names)),
    }
    answer = httpx2.options(f"{stack['base_url']}/{path}", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method.lower() in split_header(answer.headers["access-control-allow-methods"])
    assert find_rejected(names, answer.headers) == set()


def test_responses_and_errors_expose_their_headers(stack: dict[str, Any]) -> None:
    url, key = stack["base_url"], {"authorization": f"Bearer {stack['api_key']}"}
    answers = {
        200: httpx2.get(f"{url}/models", headers=key),
        401: httpx2.get(f"{url}/models"),
        400: httpx2.post(f"{url}/chat/completions", headers=key, json={}),
        404: httpx2.post(f"{url}/images/generations", headers=key, json={}),
        413: httpx2.post(f"{url}/chat/completions", headers=key, content=b"x" * 10_500_000),
    }

    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = split_header(answer.headers["access-control-expose-headers"])
        assert exposed >= {"x-request-id", "x-should-retry", "retry-after", "x-gateway-model"}
        assert answer.headers["x-request-id"]
