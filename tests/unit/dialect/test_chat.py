"""Requests as they are adapted to the quirks of a model; `test_thinking` covers thinking."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import catalog
from qwen_gateway.catalog import Model, Quirks, Thinking
from qwen_gateway.dialect.chat import adapt_request
from qwen_gateway.dialect.thinking import efforts
from qwen_gateway.errors import RequestInvalid
from tests.builders import chat_request, model

STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
PLAIN = model()


def adapt(fields: dict[str, Any], to: Model | None) -> dict[str, Any]:
    """Return the request for a target, without the fields of every call."""
    body = adapt_request(chat_request(**fields), to).body
    assert body.items() >= STREAMED.items()
    return {name: value for name, value in body.items() if name not in STREAMED}


def test_a_role_that_the_model_rejects_is_replaced() -> None:
    marked = {"cache_control": {"type": "ephemeral"}}
    sent = [{"role": "developer", "content": "Be brief.", **marked}, {"role": "user", "content": "Hi."}]

    assert adapt({"messages": sent}, PLAIN)["messages"] == [
        {"role": "system", "content": "Be brief.", **marked},
        {"role": "user", "content": "Hi."},
    ]


@pytest.mark.parametrize("field", ["store", "metadata", "service_tier", "prompt_cache_key"])
def test_fields_that_the_model_rejects_are_dropped(field: str) -> None:
    assert adapt({field: "x", "seed": None}, PLAIN) == chat_request(seed=None)


CAPS = [
    ({"max_tokens": 8_192}, {"max_tokens": 8_192}, None),
    ({"max_tokens": 8_193}, {"max_tokens": 8_192}, 8_192),
    ({"max_completion_tokens": 64_000}, {"max_completion_tokens": 8_192}, 8_192),
    ({"max_tokens": 64_000, "max_completion_tokens": 5}, {"max_tokens": 8_192, "max_completion_tokens": 5}, 8_192),
    ({"max_tokens": None}, {"max_tokens": None}, None),
    ({}, {}, None),
]


@pytest.mark.parametrize(("fields", "caps", "lowered"), CAPS, ids=str)
def test_an_output_cap_above_the_limit_of_the_model_is_lowered_to_it(
    fields: dict[str, Any], caps: dict[str, Any], lowered: int | None
) -> None:
    adapted = adapt_request(chat_request(**fields), PLAIN)

    assert adapted.body == chat_request(**caps) | STREAMED
    assert adapted.changes == ({"max_tokens": lowered} if lowered else {})


@pytest.mark.parametrize(
    ("field", "sent", "expected"),
    [
        ("temperature", 2, 1.999),
        ("temperature", 2.0, 1.999),
        ("temperature", 1.9995, 1.9995),
        ("temperature", 1, 1),
        ("temperature", 0, 0),
        ("temperature", None, None),
        ("temperature", "2", "2"),
        ("top_p", 0, 0.001),
        ("top_p", 0.0, 0.001),
        ("top_p", 0.0001, 0.0001),
        ("top_p", 1, 1),
    ],
)
def test_a_number_that_the_model_rejects_is_replaced_by_the_nearest_accepted_one(
    field: str, sent: Any, expected: Any
) -> None:
    adapted = adapt_request(chat_request(**{field: sent}), PLAIN)

    assert adapted.body == chat_request(**{field: expected}) | STREAMED
    assert adapted.changes == ({} if sent == expected else {field: expected})
    assert adapt_request(chat_request(**{field: sent}), None).body[field] == sent


@pytest.mark.parametrize("to", [PLAIN, None], ids=["catalog", "not in the catalog"])
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
        ({"tools": [], "tool_choice": {"type": "function", "function": {"name": "weather"}}}, {}),
        ({"tools": []}, {}),
        ({"functions": [], "function_call": "auto"}, {}),
        ({"tools": [], "functions": [], "tool_choice": "none", "function_call": "none"}, {}),
        ({"tools": None, "tool_choice": "auto"}, {"tools": None}),
        (
            {"tools": [], "functions": [{"name": "f"}], "function_call": "auto"},
            {"functions": [{"name": "f"}], "function_call": "auto"},
        ),
        (
            {"tools": [{"type": "function"}], "tool_choice": "auto"},
            {"tools": [{"type": "function"}], "tool_choice": "auto"},
        ),
        ({"tool_choice": "auto"}, {"tool_choice": "auto"}),
    ],
    ids=str,
)
def test_empty_tools_are_left_out_with_what_refers_to_them(
    sent: dict[str, Any], kept: dict[str, Any], to: Model | None
) -> None:
    assert adapt(sent, to) == chat_request(**kept)


@pytest.mark.parametrize(
    ("to", "limit", "cap"),
    [(PLAIN, 4_000, 4_000), (PLAIN, 9_000, 8_192), (None, 4_000, 4_000), (None, None, None)],
    ids=["lower limit", "higher limit", "not in the catalog", "no limit"],
)
def test_no_target_gets_a_higher_output_cap_than_the_first(
    to: Model | None, limit: int | None, cap: int | None
) -> None:
    adapted = adapt_request(chat_request(max_tokens=10_000), to, output_limit=limit)

    assert (adapted.body["max_tokens"], adapted.changes.get("max_tokens")) == (cap or 10_000, cap)


JSON_OBJECT_REQUESTS = [
    ([{"role": "user", "content": "List it."}], ["Answer in JSON.", "List it."]),
    ([{"role": "system", "content": "Be brief."}], ["Be brief.\n\nAnswer in JSON."]),
    ([{"role": "developer", "content": "Be brief."}], ["Be brief.\n\nAnswer in JSON."]),
    ([{"role": "system", "content": None}], ["Answer in JSON."]),
    (
        [{"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {}}]}],
        [[{"type": "text", "text": "Be brief.", "cache_control": {}}, {"type": "text", "text": "Answer in JSON."}]],
    ),
    ([{"role": "user", "content": "As JSON."}], ["As JSON."]),
    ([{"role": "user", "content": [{"type": "text", "text": "json"}]}], [[{"type": "text", "text": "json"}]]),
]


@pytest.mark.parametrize(("messages", "contents"), JSON_OBJECT_REQUESTS, ids=str)
def test_the_word_json_is_added_to_a_json_object_request_without_it(
    messages: list[dict[str, Any]], contents: list[Any]
) -> None:
    adapted = adapt({"messages": messages, "response_format": {"type": "json_object"}}, PLAIN)["messages"]

    assert [message["content"] for message in adapted] == contents
    assert [message["role"] for message in adapted].count("system") <= 1


@pytest.mark.parametrize("response_format", [{"type": "json_schema"}, {"type": "text"}, None, "json_object"], ids=str)
def test_no_other_request_is_extended(response_format: Any) -> None:
    assert adapt({"response_format": response_format}, PLAIN) == chat_request(response_format=response_format)


def test_the_usage_is_always_requested() -> None:
    adapted = adapt_request(chat_request(stream=False, stream_options={"include_usage": False}), None)

    assert adapted.body == chat_request() | STREAMED


def test_a_provider_without_stream_options_receives_none() -> None:
    adapted = adapt_request(chat_request(stream_options={"include_usage": True}), PLAIN, stream_usage=False)

    assert adapted.body == chat_request(stream=True)


QUIRKY = {
    "messages": [{"role": "developer", "content": "Be brief."}],
    "store": True,
    "max_tokens": 10_000_000,
    "response_format": {"type": "json_object"},
    "tool_choice": "required",
    "reasoning_effort": "high",
    "thinking_budget": 3,
}


def test_a_model_without_a_catalog_entry_receives_the_request_unchanged() -> None:
    assert adapt(QUIRKY, None) == chat_request(**QUIRKY)


def test_a_model_without_quirks_receives_roles_and_fields_unchanged() -> None:
    plain = {name: QUIRKY[name] for name in ("messages", "store", "response_format", "tool_choice")}

    assert adapt(plain, model(quirks=Quirks())) == chat_request(**plain)


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "enable_thinking": st.booleans() | st.none(),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max", "x", None]),
        "thinking_budget": st.integers(0, 300_000),
        "thinking": st.sampled_from([{"type": "enabled"}, {"type": "disabled"}, {"type": "x"}]),
        "chat_template_kwargs": st.sampled_from([{"enable_thinking": True}, {"enable_thinking": False}, {"x": 1}, {}]),
        "reasoning": st.none()
        | st.just("high")
        | st.fixed_dictionaries(
            {},
            optional={
                "effort": st.sampled_from(["none", "low", "max", "x", None]),
                "enabled": st.booleans(),
                "max_tokens": st.integers(0, 300_000),
                "exclude": st.booleans(),
            },
        ),
        "temperature": st.sampled_from([0, 1.5, 2, 2.0, None]),
        "top_p": st.sampled_from([0, 0.5, 1, None]),
        "tools": st.sampled_from([[], None, [{"type": "function", "function": {"name": "f"}}]]),
        "tool_choice": st.sampled_from(["auto", "required"]),
        "response_format": st.just({"type": "json_object"}),
        "max_tokens": st.integers(1, 1_000_000),
        "store": st.booleans(),
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["developer", "user"]), "content": st.text(max_size=9)}),
            min_size=1,
            max_size=3,
        ),
    },
)
CATALOG = [entry for name in catalog.sections() for entry in catalog.section(name).values()]


@given(fields=REQUESTS, to=st.sampled_from(CATALOG))
def test_an_adapted_request_is_not_adapted_again_and_has_an_effort_alone(fields: dict[str, Any], to: Model) -> None:
    try:
        once = adapt_request(chat_request(**fields), to).body
    except RequestInvalid:
        return

    assert adapt_request(once, to).body == once
    assert "reasoning" not in once
    if to.thinking != Thinking() and once.get("reasoning_effort") in efforts():
        assert once.get("thinking_budget") is None
        assert once.get("enable_thinking") is None


@given(fields=REQUESTS, to=st.sampled_from(CATALOG))
def test_the_body_of_the_client_is_not_modified(fields: dict[str, Any], to: Model) -> None:
    body = chat_request(**fields)
    before = copy.deepcopy(body)

    with contextlib.suppress(RequestInvalid):
        adapt_request(body, to)

    assert body == before


@pytest.mark.parametrize("to", [model(), None], ids=["catalog", "not in the catalog"])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"city": "Köln"}, '{"city":"K\\u00f6ln"}'), ({}, "{}"), ("", "{}"), ('{"a": 1}', '{"a": 1}'), (None, "{}")],
)
def test_arguments_of_earlier_tool_calls_are_json_text(to: Model | None, arguments: Any, text: Any) -> None:
    def messages(value: Any) -> list[dict[str, Any]]:
        call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": value}}
        return [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [call, 7]}]

    assert adapt({"messages": messages(arguments)}, to)["messages"] == messages(text)
