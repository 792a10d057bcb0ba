"""Messages with Anthropic's clients at their defaults; the one for Python in thorough runs."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests.builders import messages_request
from tests.stack.clients.openai_clients import ClientError, Driver
from tests.stack.clients.python_packages import run_package

type Ask = Callable[..., dict[str, Any]]

TOOL = {"name": "look_up", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@pytest.fixture
def ask(stack: dict[str, Any], driver: Driver) -> Ask:
    """Return a function that makes a call with Anthropic's client for Node."""

    def make(call: str, api_key: str = stack["api_key"], **fields: Any) -> dict[str, Any]:
        endpoint = {"baseURL": stack["base_url"].removesuffix("/v1"), "apiKey": api_key}
        body = messages_request(model="claude-sonnet-5", **fields)
        return driver.make({"client": "anthropic", "endpoint": endpoint, "call": call, "body": body})

    return make


def read_text(message: dict[str, Any]) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


@pytest.mark.parametrize("call", ["whole", "streamed"])
def test_a_message_has_text_stop_reason_usage_and_cost(ask: Ask, call: str) -> None:
    message = ask(call)

    assert "You said: Say hello." in read_text(message)
    assert (message["role"], message["stop_reason"]) == ("assistant", "end_turn")
    assert message["usage"]["input_tokens"] > 0 < message["usage"]["output_tokens"]
    # The client itself puts a streamed usage together, from the fields that it knows.
    assert call == "streamed" or message["usage"]["cost"] > 0


def test_the_request_id_is_that_of_the_record(ask: Ask) -> None:
    assert ask("whole")["_request_id"].startswith("req_")


@pytest.mark.parametrize("call", ["whole", "streamed"])
def test_thinking_and_a_tool_call_come_as_blocks(ask: Ask, call: str) -> None:
    message = ask(call, tools=[TOOL], thinking={"type": "enabled", "budget_tokens": 50}, max_tokens=1024)

    assert [block["type"] for block in message["content"]] == ["thinking", "tool_use"]
    assert message["content"][1]["input"] == {"city": "mock"}
    assert message["stop_reason"] == "tool_use"


def test_tokens_are_counted(ask: Ask) -> None:
    assert ask("count")["input_tokens"] > 0


def test_errors_are_the_clients_exceptions(ask: Ask) -> None:
    with pytest.raises(ClientError) as refused:
        ask("whole", api_key="sk-ant-none")

    assert (refused.value.kind, refused.value.status) == ("AuthenticationError", 401)
    assert refused.value.request_id
    with pytest.raises(ClientError) as invalid:
        ask("whole", messages=[])
    assert (invalid.value.kind, invalid.value.status) == ("BadRequestError", 400)


@pytest.mark.parametrize("kind", ["truncate", "error_event", "disconnect"])
def test_a_stream_that_fails_in_the_middle_is_an_error(ask: Ask, provider: httpx2.Client, kind: str) -> None:
    provider.put("/_control", json={"faults": [{"kind": kind, "after_chunks": 2}]})

    with pytest.raises(ClientError):
        ask("streamed")


@pytest.mark.thorough
class TestAnthropicForPython:
    def test_a_whole_message(self, stack: dict[str, Any]) -> None:
        message = run_package("message", stack)

        assert "You said: Say hello." in read_text(message)
        assert message["request_id"].startswith("req_")

    def test_a_stream(self, stack: dict[str, Any]) -> None:
        answer = run_package("stream", stack)

        assert answer["text"] == read_text(answer["message"])
        assert answer["message"]["stop_reason"] == "end_turn"

    def test_a_tool_and_thinking_over_two_turns(self, stack: dict[str, Any]) -> None:
        first, second = run_package("tools", stack)

        assert [block["type"] for block in first["content"]] == ["thinking", "tool_use"]
        assert [block["type"] for block in second["content"]] == ["thinking", "text"]
        assert "The tool said: mild" in second["content"][1]["text"]

    def test_a_count(self, stack: dict[str, Any]) -> None:
        assert run_package("count", stack)["input_tokens"] > 0

    def test_an_exception(self, stack: dict[str, Any]) -> None:
        failure = run_package("failure", stack)

        assert (failure["kind"], failure["type"]) == ("AuthenticationError", "authentication_error")
        assert failure["request_id"]
