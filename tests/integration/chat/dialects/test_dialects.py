"""What providers of each dialect send, read by the openai package: whole and streamed answers are the same."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openai import APIError, APIStatusError
from openai.lib.streaming._deltas import accumulate_delta

from tests.builders import chat_request
from tests.integration.chat.conftest import MakeGateway
from tests.integration.chat.dialects.cases import Case, read_cases
from tests.integration.chat.dialects.openai_client import error_of, openai_client
from tests.integration.chat.fake_provider import run_fake_provider

CASES = read_cases()
ANSWERED = [each for each in CASES if each[1].message]
STREAMED = [each for each in ANSWERED if not each[1].whole_only]
FAILED = [each for each in CASES if each[1].error]
REQUEST: dict[str, Any] = chat_request(model="qwen-plus")


def for_each(cases: list[tuple[str, Case]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "case", [case for _, case in cases], ids=[f"{dialect}: {case.name}" for dialect, case in cases]
    )


def without_index(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message whose tool calls have no index, which only a stream has."""
    calls = message.get("tool_calls") or []
    assert [call.get("index", position) for position, call in enumerate(calls)] == list(range(len(calls)))
    stripped = [{name: value for name, value in call.items() if name != "index"} for call in calls]
    return {**message, **({"tool_calls": stripped} if stripped else {})}


def contains(found: Any, expected: Any) -> bool:
    """Return whether every stated field is found; nulls and lists are compared as a whole."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(contains(found.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        pairs = zip(found or [], expected, strict=False)
        return len(found or []) == len(expected) and all(contains(one, other) for one, other in pairs)
    return bool(found == expected)


def test_every_case_states_its_source_and_its_result() -> None:
    for _, case in CASES:
        assert case.source
        assert bool(case.message) != bool(case.error), case.name


@for_each(ANSWERED)
def test_a_whole_answer_is_understood(case: Case, make_gateway: MakeGateway) -> None:
    with run_fake_provider(case.behaviour) as provider:
        gateway = make_gateway(provider.url)

        completion = openai_client(gateway).chat.completions.create(**REQUEST)

    (choice,) = completion.choices
    message = choice.message.model_dump(exclude_unset=True)
    assert contains(message, case.expected_message), message
    assert (message["role"], choice.finish_reason) == ("assistant", case_finish_reason(case))
    assert len(provider.requests) == 1
    assert tokens(completion.usage) == case.expected_usage
    (record,) = gateway.records()
    assert (record["outcome"], recorded_tokens(record)) == ("answered", case.expected_usage)


@for_each(STREAMED)
def test_a_streamed_answer_is_understood(case: Case, make_gateway: MakeGateway) -> None:
    with run_fake_provider(case.behaviour) as provider:
        gateway = make_gateway(provider.url)

        stream = openai_client(gateway).chat.completions.create(
            **REQUEST, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)

    message: dict[Any, Any] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            delta = choice.delta.model_dump(exclude_unset=True)
            assert delta.get("role") in (None, "assistant")
            accumulate_delta(message, delta)
    assert contains(without_index(message), without_index(case.expected_message)), message
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert [reason for reason in reasons if reason] == [case_finish_reason(case)]
    assert len({(chunk.id, chunk.model, chunk.created) for chunk in chunks}) == 1
    assert tokens(next((chunk.usage for chunk in chunks if chunk.usage), None)) == case.expected_usage
    assert len(provider.requests) == 1
    (record,) = gateway.records()
    assert (record["outcome"], recorded_tokens(record)) == ("answered", case.expected_usage)


@for_each(FAILED)
def test_a_failure_has_its_cause_as_error_of_a_whole_answer(case: Case, make_gateway: MakeGateway) -> None:
    with run_fake_provider(case.behaviour) as provider:
        gateway = make_gateway(provider.url)

        with pytest.raises(APIStatusError) as raised:
            openai_client(gateway).chat.completions.create(**REQUEST)

    check_error(case, raised.value.status_code, raised.value.body)
    assert len(provider.requests) == 1
    (record,) = gateway.records()
    assert record["outcome"] == error_code(case)


@for_each(FAILED)
def test_a_failure_has_its_cause_as_error_of_a_stream(case: Case, make_gateway: MakeGateway) -> None:
    with run_fake_provider(case.behaviour) as provider:
        gateway = make_gateway(provider.url)

        received: list[str] = []
        with pytest.raises(APIError) as raised:
            received.extend(read_contents(gateway))

    assert "".join(received) == case.streamed_first
    status = raised.value.status_code if isinstance(raised.value, APIStatusError) else None
    assert (status is None) == bool(case.streamed_first)
    check_error(case, status, raised.value.body)
    assert len(provider.requests) == 1


def read_contents(gateway: Any) -> Iterator[str]:
    for chunk in openai_client(gateway).chat.completions.create(**REQUEST, stream=True):
        yield from (choice.delta.content or "" for choice in chunk.choices)


def check_error(case: Case, status: int | None, body: object) -> None:
    code, message = error_of(body)
    assert case.error
    assert code == error_code(case)
    assert status in (None, case.error[0])
    assert case.words in message
    assert not case.hidden or case.hidden not in json.dumps(body, ensure_ascii=False)


def error_code(case: Case) -> str:
    assert case.error
    return case.error[1]


def case_finish_reason(case: Case) -> str:
    return "tool_calls" if case.message and '"tool_calls"' in case.message else case.finish_reason


def tokens(usage: Any) -> tuple[int, int] | None:
    return (usage.prompt_tokens, usage.completion_tokens) if usage else None


def recorded_tokens(record: Mapping[str, Any]) -> tuple[int, int] | None:
    return (record["tokens_in"], record["tokens_out"]) if "tokens_in" in record else None
