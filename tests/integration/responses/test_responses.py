"""OpenAI's Responses end to end: what reaches the provider, what comes back, refusals, records and holds."""

import json
from typing import Any

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen
from tests.builders import responses_request
from tests.builders.responses import (
    REASONING,
    begin,
    complete,
    encode_events,
    end_text,
    text_delta,
    whole_response,
)
from tests.integration.chat.conftest import Gateway, MakeGateway
from tests.integration.chat.fake_provider import respond_with, run_fake_provider, sse_response
from tests.stream_response import ResponseEvents

DOLLAR = 10**12
TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}, "strict": False}


def stream_from(make_gateway: MakeGateway, body: bytes) -> ResponseEvents:
    """Return what a client gets of a provider's stream."""
    with run_fake_provider(respond_with(sse_response(body))) as provider:
        return make_gateway(provider.url).stream_response(responses_request())


def test_a_whole_response_has_its_content_usage_and_cost(gateway: Gateway) -> None:
    answer = gateway.respond(responses_request())

    assert (answer.status, answer.body["object"], answer.body["status"]) == (200, "response", "completed")
    (item,) = answer.body["output"]
    assert "Say hello." in item["content"][0]["text"]
    usage, record = answer.body["usage"], gateway.record(answer)
    assert (record["tokens_in"], record["tokens_out"]) == (usage["input_tokens"], usage["output_tokens"])
    assert (usage["cost"], usage["cost_currency"]) == (record["cost"] / DOLLAR, "USD")
    assert (record["endpoint"], record["streamed"], record["model_used"]) == ("responses", False, "qwen-plus")


def test_a_stream_has_named_events_and_the_cost_in_the_last_one(gateway: Gateway) -> None:
    stream = gateway.stream_response(responses_request())

    assert stream.names[0] == "response.created"
    assert stream.names[-2:] == ["response.output_item.done", "response.completed"]
    assert "Say hello." in stream.text
    (record,) = gateway.records()
    assert stream.final["usage"]["output_tokens"] == record["tokens_out"]
    assert stream.final["usage"]["cost"] == record["cost"] / DOLLAR
    assert [event["sequence_number"] for _, event in stream.events] == list(range(len(stream.events)))


def test_a_request_reaches_the_provider_whole(make_gateway: MakeGateway) -> None:
    fields = {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hello."}]},
            {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ],
        "instructions": "Be brief.",
        "tools": [TOOL],
        "tool_choice": "auto",
        "include": [],
        "reasoning": {"effort": "low", "summary": "auto"},
        "metadata": {"team": "blue"},
        "store": False,
        "truncation": "auto",
    }
    with run_fake_provider(respond_with(sse_response(whole_response("Hi.")))) as provider:
        gateway = make_gateway(provider.url)
        gateway.respond(responses_request(**fields))

    head, _, body = provider.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/responses ")
    assert json.loads(body) == {**responses_request(**fields), "stream": True}
    assert gateway.records()[0]["tags"] == {"team": "blue"}


def test_usage_has_the_details_of_the_dialect(gateway: Gateway, provider: RunningMockQwen) -> None:
    provider.control({"prompt_tokens": 1_000, "completion_tokens": 100, "reasoning_tokens": 50, "cached_tokens": 400})

    record = gateway.record(gateway.respond(responses_request(reasoning={"effort": "low"})))

    assert (record["tokens_in"], record["tokens_out"], record["tokens_cached"], record["tokens_thinking"]) == (
        1_000,
        100,
        400,
        50,
    )


def test_the_last_event_may_leave_out_the_items(make_gateway: MakeGateway) -> None:
    end = complete("")
    del end["response"]["output"]
    body = encode_events(*begin(), text_delta("Hi."), *end_text("Hi."), end)
    with run_fake_provider(respond_with(sse_response(body))) as provider:
        answer = make_gateway(provider.url).respond(responses_request())

    assert answer.body["output"][0]["content"][0]["text"] == "Hi."


class TestEventsThatClientsCannotRead:
    def test_unknown_names_are_left_out(self, make_gateway: MakeGateway) -> None:
        unknown = {"type": "response.weather_report", "rain": True}

        stream = stream_from(make_gateway, encode_events(unknown) + whole_response("Hi."))

        assert "response.weather_report" not in stream.names
        assert stream.is_complete

    def test_what_is_relayed_is_not_changed(self, make_gateway: MakeGateway) -> None:
        events = [*begin(), text_delta("Hi."), *end_text("Hi."), complete("Hi.", usage=None)]

        stream = stream_from(make_gateway, encode_events(*events))

        assert [event for _, event in stream.events] == events

    def test_reasoning_without_a_content_becomes_the_summary(self, make_gateway: MakeGateway) -> None:
        place = {"output_index": 0, "item_id": REASONING["id"]}
        finished = {**REASONING, "summary": [{"type": "summary_text", "text": "Hm."}]}
        body = encode_events(
            begin()[0],
            {"type": "response.output_item.added", "output_index": 0, "item": REASONING},
            {"type": "response.reasoning_text.delta", **place, "delta": "Hm."},
            {"type": "response.reasoning_text.done", **place, "text": "Hm."},
            {"type": "response.output_item.done", "output_index": 0, "item": finished},
            complete("Hi."),
        )

        _, (_, added), *texts, _, _ = stream_from(make_gateway, body).events

        assert added["item"]["summary"] == [{"type": "summary_text", "text": ""}]
        assert [(name, event["summary_index"]) for name, event in texts] == [
            ("response.reasoning_summary_text.delta", 0),
            ("response.reasoning_summary_text.done", 0),
        ]

    def test_reasoning_in_openais_form_stays(self, make_gateway: MakeGateway) -> None:
        place = {"output_index": 0, "item_id": REASONING["id"]}
        part = {"type": "reasoning_text", "text": ""}
        summary = {"type": "summary_text", "text": ""}
        body = encode_events(
            begin()[0],
            {"type": "response.output_item.added", "output_index": 0, "item": REASONING},
            {"type": "response.reasoning_summary_part.added", **place, "summary_index": 0, "part": summary},
            {"type": "response.content_part.added", **place, "content_index": 0, "part": part},
            {"type": "response.reasoning_text.delta", **place, "content_index": 0, "delta": "Hm."},
            complete("Hi."),
        )

        names = stream_from(make_gateway, body).names

        # The first part of the summary came with the item.
        assert names[1:-1] == [
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
        ]


def test_a_tool_call_is_output_from_its_beginning(make_gateway: MakeGateway) -> None:
    call = {"id": "msg_1", "type": "function_call", "call_id": "c", "name": "look_up", "arguments": ""}
    added = {"type": "response.output_item.added", "output_index": 0, "item": call}

    stream = stream_from(make_gateway, encode_events(begin()[0], added))

    assert (stream.status, stream.error["code"]) == (200, "provider_answer_broken")


class TestTheModelsLimits:
    def test_an_output_cap_above_the_models_is_lowered(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        answer = gateway.respond(responses_request(max_output_tokens=200_000))

        assert (answer.status, answer.headers["x-gateway-max-tokens"]) == (200, "32768")
        assert provider.calls()[0]["body"]["max_output_tokens"] == 32_768

    def test_an_answer_that_its_cap_ends_is_incomplete(self, gateway: Gateway) -> None:
        request = responses_request(max_output_tokens=16, input="x" * 500)

        assert gateway.respond(request).body["incomplete_details"] == {"reason": "max_output_tokens"}
        assert gateway.stream_response(request).names[-1] == "response.incomplete"

    def test_thinking_that_nobody_asked_for_is_turned_off_where_a_tool_is_forced(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        answer = gateway.respond(responses_request(model="qwen4-max", tools=[TOOL], tool_choice="required"))

        assert answer.status == 200
        assert provider.calls()[0]["body"]["enable_thinking"] is False

    def test_thinking_with_a_forced_tool_is_rejected_by_name(self, gateway: Gateway) -> None:
        request = responses_request(tools=[TOOL], tool_choice="required", reasoning={"effort": "high"})

        answer = gateway.respond(request)

        assert answer.error == (400, "invalid_request_error", "invalid_request")
        assert "tool_choice or reasoning.effort" in answer.body["error"]["message"]

    def test_the_role_developer_becomes_system(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        gateway.respond(responses_request(input=[{"role": "developer", "content": "Be brief."}, {"role": "user"}]))

        assert [item["role"] for item in provider.calls()[0]["body"]["input"]] == ["system", "user"]

    def test_an_effort_of_the_client_replaces_the_default_of_a_route(
        self, gateway: Gateway, provider: RunningMockQwen
    ) -> None:
        gateway.respond(responses_request(model="qwen-max"))
        gateway.respond(responses_request(model="qwen-max", reasoning={"effort": "high"}))

        assert [call["body"].get("enable_thinking") for call in provider.calls()] == [False, None]


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no input": ({"input": None}, "input"),
    "an empty list": ({"input": []}, "input"),
    "an item that is no object": ({"input": ["Hello."]}, "input[0]"),
    "an output cap of 0": ({"max_output_tokens": 0}, "max_output_tokens"),
    "store of wrong type": ({"store": "no"}, "store"),
    "stream of wrong type": ({"stream": "yes"}, "stream"),
    "a tool of the chat's form": ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
    "background": ({"background": True}, "background"),
}


@pytest.mark.parametrize(("fields", "param"), INVALID.values(), ids=INVALID)
def test_an_invalid_request_is_refused_by_name(
    gateway: Gateway, provider: RunningMockQwen, fields: dict[str, Any], param: str
) -> None:
    answer = gateway.respond(responses_request(**fields))

    assert answer.error == (400, "invalid_request_error", "invalid_request")
    assert answer.body["error"]["param"] == param
    assert (gateway.records(), provider.calls()) == ([], [])


def test_background_says_why_it_is_not_served(gateway: Gateway) -> None:
    message = gateway.respond(responses_request(background=True)).body["error"]["message"]

    assert "answers only while the client waits" in message


def test_a_provider_that_does_not_serve_responses_is_passed_over(
    make_gateway: MakeGateway, provider: RunningMockQwen
) -> None:
    elsewhere = {"model": "m", "provider": "holysheep"}
    more = {"routes": {"both": [elsewhere, {"model": "qwen-plus"}], "elsewhere": [elsewhere]}}
    gateway = make_gateway(provider.url, more=more)

    assert gateway.respond(responses_request(model="both")).headers["x-gateway-provider"] == "dashscope"
    refused = gateway.respond(responses_request(model="elsewhere"))
    assert refused.error == (400, "invalid_request_error", "endpoint_not_served")
    assert "POST /v1/chat/completions" in refused.body["error"]["message"]


def test_a_fallback_answers_before_the_first_output(make_gateway: MakeGateway, provider: RunningMockQwen) -> None:
    provider.control({"faults": [{"model": "qwen-plus", "kind": "error_event", "code": "InternalError", "times": 9}]})
    gateway = make_gateway(provider.url, attempts=4)

    stream = gateway.stream_response(responses_request())

    assert (stream.is_complete, stream.headers["x-gateway-model"]) == (True, "qwen-flash")


class TestKeysWithABudget:
    def test_a_response_is_held_and_released_at_its_cost(self, gateway: Gateway, provider: RunningMockQwen) -> None:
        key = gateway.add_key(budget=DOLLAR)

        for answer in (
            gateway.respond(responses_request(), key=key),
            gateway.stream_response(responses_request(), key=key),
        ):
            assert (answer.status, answer.headers["x-gateway-max-tokens"]) == (200, "8192")
        assert gateway.key(key)["holds"] == {}
        assert gateway.key(key)["spent"] == sum(record["cost"] for record in gateway.records())
        assert {call["body"]["max_output_tokens"] for call in provider.calls()} == {8_192}

    @pytest.mark.parametrize(
        "fields", [{"tools": [{"type": "web_search"}]}, {"tools": [TOOL, {"type": "mcp"}]}, {"enable_search": True}]
    )
    def test_tools_of_the_provider_have_no_bound(self, gateway: Gateway, fields: dict[str, Any]) -> None:
        answer = gateway.respond(responses_request(**fields), key=gateway.add_key(budget=DOLLAR))

        assert answer.error == (400, "invalid_request_error", "cost_unbounded")
        assert gateway.respond(responses_request(**fields)).status == 200

    def test_a_rejected_stream_costs_nothing(self, gateway: Gateway) -> None:
        key = gateway.add_key(budget=DOLLAR)

        stream = gateway.stream_response(responses_request(reasoning={"effort": "extreme"}), key=key)

        assert (stream.status, stream.error["code"]) == (400, "provider_refused")
        assert gateway.key(key)["remaining"] == DOLLAR


@pytest.mark.parametrize("enabled", [True, False])
def test_the_session_cache_is_a_setting(make_gateway: MakeGateway, *, enabled: bool) -> None:
    with run_fake_provider(respond_with(sse_response(whole_response("Hi.")))) as provider:
        gateway = make_gateway(provider.url, more={"providers": {"dashscope": {"session_cache": enabled}}})
        gateway.respond(responses_request())

    assert (b"x-dashscope-session-cache: enable" in provider.requests[0].lower()) == enabled


def test_a_client_that_leaves_is_charged_for_the_whole_answer(gateway: Gateway) -> None:
    stream = gateway.handle_response(responses_request(stream=True))
    next(stream.chunks)

    stream.chunks.close()

    (record,) = gateway.records()
    assert (record["endpoint"], record["state"]) == ("responses", "settled")
    assert record["attempts"][0]["charged"] == "presumed"
