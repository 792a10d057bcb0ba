"""What routes and models need: fallback from a failing target, and translation of requests."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.builders import chat_request
from tests.smoke.claims import Claim, proves
from tests.smoke.conftest import Measure, ReadRecord

FAILING_ROUTE = "fallback-test"
"""A route whose first model does not exist; docs/first-deploy.md has its line for gateway.toml."""


@pytest.fixture
def failing_route(client: openai.OpenAI, request: pytest.FixtureRequest) -> str:
    """Return a model name whose first target fails: by the mock provider, or by its configuration."""
    if FAILING_ROUTE in {model.id for model in client.models.list()}:
        return FAILING_ROUTE
    if request.getfixturevalue("target").provider_url is None:
        pytest.skip(f"it needs the route {FAILING_ROUTE} (docs/first-deploy.md)")
    fail_once: Callable[[str], None] = request.getfixturevalue("fail_once")
    fail_once("qwen-plus")
    return "qwen-plus"


@proves(Claim.FALLBACK, Claim.RECORDS)
def test_the_next_target_answers_when_the_first_fails(
    http: httpx2.Client, failing_route: str, read_record: ReadRecord, measure: Measure
) -> None:
    answer = http.post("chat/completions", json=chat_request(model=failing_route))

    assert answer.status_code == 200, answer.text
    assert int(answer.headers["x-gateway-attempts"]) >= 2
    attempts = read_record(answer.headers["x-request-id"])["attempts"]
    assert attempts[0]["model"] != answer.headers["x-gateway-model"]
    assert attempts[-1]["model"] == answer.headers["x-gateway-model"]
    measure(f"{attempts[0]['model']} failed, {attempts[-1]['model']} answered", Claim.FALLBACK)


TRANSLATED: dict[str, dict[str, Any]] = {
    "developer role": {
        "messages": [{"role": "developer", "content": "Answer briefly."}, {"role": "user", "content": "Hello"}]
    },
    "JSON mode": {
        "messages": [{"role": "user", "content": "Give the capital of France as an object."}],
        "response_format": {"type": "json_object"},
    },
    "output cap": {"max_completion_tokens": 1_000_000},
    "fields of OpenAI": {"store": False, "metadata": {"purpose": "smoke"}, "service_tier": "auto"},
}


@proves(Claim.TRANSLATION)
@pytest.mark.parametrize("fields", TRANSLATED.values(), ids=TRANSLATED)
def test_a_request_in_openais_terms_is_accepted(http: httpx2.Client, fields: dict[str, Any]) -> None:
    answer = http.post("chat/completions", json=chat_request(**fields))

    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"]
