"""What other clients send is taken, and reaches the provider as it was sent: only of thinking in Qwen's own words."""

from typing import Any

import httpx2
import pytest

from tests.stack.clients.bodies import BODIES
from tests.stack.clients.conftest import Received


@pytest.fixture
def post(stack: dict[str, Any]) -> Any:
    """Return a function that posts a chat body as a plain HTTP client does."""
    url, headers = f"{stack['base_url']}/chat/completions", {"authorization": f"Bearer {stack['api_key']}"}
    return lambda body, **more: httpx2.post(url, json=body, headers=headers | more, timeout=30)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_goes_through_as_it_was_sent(post: Any, received: Received, body: dict[str, Any]) -> None:
    answer = post(body)

    assert answer.status_code == 200, answer.text
    assert received() == [in_qwens_words(body) | {"stream": True, "stream_options": {"include_usage": True}}]


def in_qwens_words(body: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in body.items() if name != "chat_template_kwargs"}
    return rest | body.get("chat_template_kwargs", {})


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/event-stream"])
def test_whatever_a_client_accepts_it_gets_json(post: Any, accept: str) -> None:
    answer = post(BODIES["LiteLLM"], accept=accept)

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["object"] == "chat.completion"
