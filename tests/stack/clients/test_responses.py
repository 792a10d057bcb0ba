"""Responses with clients at their defaults; openai-agents and pydantic-ai in thorough runs."""

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest

from tests.builders import responses_request
from tests.stack.clients.conftest import Received
from tests.stack.clients.openai_clients import ClientError, Driver, Forecast
from tests.stack.clients.python_packages import run_package

type Ask = Callable[..., dict[str, Any]]

FAILURE = {"kind": "error_event", "code": "InternalError", "message": "It went wrong.", "after_chunks": 2}
TOOL = {
    "type": "function",
    "name": "look_up",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
PROMPTS = ["Turn 0?", "Turn 1?", "Turn 2?"]


@pytest.fixture
def ask(stack: dict[str, Any], driver: Driver) -> Ask:
    """Return a function that makes a call with one of the Node clients."""
    endpoint = {"baseURL": stack["base_url"], "apiKey": stack["api_key"]}
    return lambda client, call="", **body: driver.make(
        {"client": client, "endpoint": endpoint, "call": call, "body": body}
    )


def read_text(response: dict[str, Any]) -> str:
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts)


class TestOpenAiForPython:
    def test_create_has_text_usage_and_cost(self, client: openai.OpenAI) -> None:
        response = client.responses.create(**responses_request())

        assert "You said: Say hello." in response.output_text
        assert response.usage
        assert response.usage.to_dict()["cost"] > 0
        assert str(response._request_id).startswith("req_")

    def test_stream_ends_with_the_whole_response(self, client: openai.OpenAI) -> None:
        with client.responses.stream(**responses_request()) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
            final = stream.get_final_response()

        assert final.output_text == text
        assert "You said: Say hello." in text

    def test_parse_returns_the_model(self, client: openai.OpenAI) -> None:
        assert isinstance(client.responses.parse(**responses_request(), text_format=Forecast).output_parsed, Forecast)

    def test_thinking_and_tools_are_streamed(self, client: openai.OpenAI, provider: httpx2.Client) -> None:
        provider.put("/_control", json={"reasoning_tokens": 5})

        with client.responses.stream(**responses_request(tools=[TOOL])) as stream:
            names = [event.type for event in stream]
            final = stream.get_final_response()

        assert "response.reasoning_summary_text.delta" in names
        assert [item.type for item in final.output] == ["reasoning", "function_call"]

    def test_a_stored_response_is_continued_read_listed_and_deleted(self, client: openai.OpenAI) -> None:
        first = client.responses.create(**responses_request())
        second = client.responses.create(**responses_request(input="And now?", previous_response_id=first.id))

        assert client.responses.retrieve(second.id).output_text == second.output_text
        assert len(client.responses.input_items.list(second.id).data) == 3
        client.responses.delete(second.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(second.id)

    def test_a_failure_after_output_is_an_error_with_its_message(
        self, client: openai.OpenAI, provider: httpx2.Client
    ) -> None:
        provider.put("/_control", json={"faults": [{**FAILURE, "times": 2}]})

        with pytest.raises(openai.APIError, match=r"It says: It went wrong\."):
            list(client.responses.create(**responses_request(), stream=True))
        with (
            client.responses.stream(**responses_request()) as stream,
            pytest.raises(openai.APIError, match=r"It says: It went wrong\."),
        ):
            list(stream)


class TestOpenAiForNode:
    @pytest.mark.parametrize("call", ["whole", "streamed"])
    def test_a_response_has_text_and_cost(self, ask: Ask, call: str) -> None:
        response = ask("responses", call, **responses_request())

        assert "You said: Say hello." in read_text(response)
        assert response["usage"]["cost"] > 0

    @pytest.mark.parametrize("call", ["parsed", "parsed, streamed"])
    def test_parse_returns_the_object(self, ask: Ask, call: str) -> None:
        assert Forecast.model_validate(ask("responses", call, **responses_request())["output_parsed"], strict=True)

    def test_thinking_and_tools_are_streamed(self, ask: Ask, provider: httpx2.Client) -> None:
        provider.put("/_control", json={"reasoning_tokens": 5})

        response = ask("responses", "streamed", **responses_request(tools=[TOOL]))

        assert [item["type"] for item in response["output"]] == ["reasoning", "function_call"]

    def test_a_stored_response_is_read_listed_and_deleted(self, ask: Ask) -> None:
        made = ask("responses", "whole", **responses_request())

        assert ask("responses", "retrieve", id=made["id"])["output"] == made["output"]
        assert len(ask("responses", "input", id=made["id"])["data"]) == 1
        ask("responses", "delete", id=made["id"])
        with pytest.raises(ClientError) as caught:
            ask("responses", "retrieve", id=made["id"])
        assert (caught.value.kind, caught.value.code) == ("NotFoundError", "response_not_found")

    def test_a_failure_after_output_is_an_error_with_its_message(self, ask: Ask, provider: httpx2.Client) -> None:
        provider.put("/_control", json={"faults": [FAILURE]})

        with pytest.raises(ClientError, match=r"It says: It went wrong\."):
            ask("responses", "streamed", **responses_request())


class TestAiSdk:
    def test_a_stream_has_text_and_reasoning(self, ask: Ask, provider: httpx2.Client) -> None:
        provider.put("/_control", json={"reasoning_tokens": 5})

        answer = ask("ai response", "text", model="qwen-plus", prompt="Say hello.")

        assert "You said: Say hello." in answer["text"]
        assert "does not think" in answer["reasoning"]
        assert answer["finish"]["finishReason"] == "stop"

    def test_structured_output_is_parsed(self, ask: Ask) -> None:
        answer = ask("ai response", "forecast", model="qwen-plus", prompt="How is the weather?")

        assert Forecast.model_validate(answer["output"], strict=True)

    @pytest.mark.parametrize("reasoning_tokens", [0, 5])
    def test_a_conversation_with_a_tool_goes_on_for_three_turns(
        self, ask: Ask, provider: httpx2.Client, received: Received, reasoning_tokens: int
    ) -> None:
        provider.put("/_control", json={"reasoning_tokens": reasoning_tokens})

        turns = ask("ai conversation", model="qwen-plus", prompts=PROMPTS)["texts"]

        assert [(steps, "mild in mock" in text) for text, steps, _ in turns] == [(2, True)] * 3
        bodies = received()
        assert len(bodies) == 6
        # The client sends references to earlier messages, of which the provider gets the content.
        kinds = {item.get("type") for item in bodies[-1]["input"]}
        assert "item_reference" not in kinds
        assert {"message", "function_call", "function_call_output"} <= kinds

    def test_a_failure_after_output_is_an_error_with_its_message(self, ask: Ask, provider: httpx2.Client) -> None:
        provider.put("/_control", json={"faults": [FAILURE]})

        with pytest.raises(ClientError, match=r"It says: It went wrong\."):
            ask("ai response", "text", model="qwen-plus", prompt="Say hello.")


@pytest.mark.thorough
class TestPythonPackages:
    def test_openai_agents_goes_on_with_a_tool_for_three_turns(self, stack: dict[str, Any]) -> None:
        texts = run_package("agents", stack)

        assert ["mild in mock" in text for text in texts] == [True] * 3

    def test_openai_agents_reports_a_failure_after_output(self, stack: dict[str, Any], provider: httpx2.Client) -> None:
        provider.put("/_control", json={"faults": [FAILURE]})

        assert "It says: It went wrong." in run_package("agents, failure", stack)

    def test_pydantic_ai_goes_on_with_a_tool_for_three_turns(self, stack: dict[str, Any]) -> None:
        result = run_package("pydantic-ai", stack)

        assert ["mild in mock" in text for text in result["texts"]] == [True] * 3
        assert result["forecast"] == {"city": "mock", "degrees": 1}
