"""Bodies of other clients reach the provider unchanged, except that thinking parameters become Qwen's."""

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
def test_a_body_reaches_the_provider_unchanged(post: Any, received: Received, body: dict[str, Any]) -> None:
    answer = post(body)

    assert answer.status_code == 200, answer.text
    assert received() == [adapt_thinking(body) | {"stream": True, "stream_options": {"include_usage": True}}]


def adapt_thinking(body: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in body.items() if name != "chat_template_kwargs"}
    return rest | body.get("chat_template_kwargs", {})


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/event-stream"])
def test_the_response_is_json_for_every_accept_header(post: Any, accept: str) -> None:
    answer = post(BODIES["LiteLLM"], accept=accept)

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["object"] == "chat.completion"
