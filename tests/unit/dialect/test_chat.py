"""What each quirk of a model makes of a request; thinking has a file of its own."""

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


def asked(fields: dict[str, Any], of: Model | None) -> dict[str, Any]:
    """What a target is asked, less what every call has."""
    body = adapt_request(chat_request(**fields), of).body
    assert body.items() >= STREAMED.items()
    return {name: value for name, value in body.items() if name not in STREAMED}


def test_a_role_that_the_model_does_not_know_gets_the_name_that_it_knows() -> None:
    marked = {"cache_control": {"type": "ephemeral"}}
    sent = [{"role": "developer", "content": "Be brief.", **marked}, {"role": "user", "content": "Hi."}]

    assert asked({"messages": sent}, PLAIN)["messages"] == [
        {"role": "system", "content": "Be brief.", **marked},
        {"role": "user", "content": "Hi."},
    ]


@pytest.mark.parametrize("field", ["store", "metadata", "service_tier", "prompt_cache_key"])
def test_fields_that_the_model_does_not_know_are_left_out(field: str) -> None:
    assert asked({field: "x", "seed": None}, PLAIN) == chat_request(seed=None)


CAPS = [
    ({"max_tokens": 8_192}, {"max_tokens": 8_192}, None),
    ({"max_tokens": 8_193}, {"max_tokens": 8_192}, 8_192),
    ({"max_completion_tokens": 64_000}, {"max_completion_tokens": 8_192}, 8_192),
    ({"max_tokens": 64_000, "max_completion_tokens": 5}, {"max_tokens": 8_192, "max_completion_tokens": 5}, 8_192),
    ({"max_tokens": None}, {"max_tokens": None}, None),
    ({}, {}, None),
]


@pytest.mark.parametrize(("fields", "caps", "lowered"), CAPS, ids=str)
def test_an_output_cap_above_the_models_limit_is_lowered_to_it_and_told(
    fields: dict[str, Any], caps: dict[str, Any], lowered: int | None
) -> None:
    made = adapt_request(chat_request(**fields), PLAIN)

    assert made.body == chat_request(**caps) | STREAMED
    assert made.capped_max_tokens == lowered


@pytest.mark.parametrize(
    ("of", "most", "cap"),
    [(PLAIN, 4_000, 4_000), (PLAIN, 9_000, 8_192), (None, 4_000, 4_000), (None, None, None)],
    ids=["first has less", "first has more", "not in the catalog", "neither is"],
)
def test_no_target_gets_a_higher_output_cap_than_the_first(of: Model | None, most: int | None, cap: int | None) -> None:
    made = adapt_request(chat_request(max_tokens=10_000), of, output_limit=most)

    assert (made.body["max_tokens"], made.capped_max_tokens) == (cap or 10_000, cap)


WORDED = [
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


@pytest.mark.parametrize(("messages", "contents"), WORDED, ids=str)
def test_a_json_object_request_gets_the_word_json_where_it_lacks_it(
    messages: list[dict[str, Any]], contents: list[Any]
) -> None:
    made = asked({"messages": messages, "response_format": {"type": "json_object"}}, PLAIN)["messages"]

    assert [message["content"] for message in made] == contents
    assert [message["role"] for message in made].count("system") <= 1


@pytest.mark.parametrize("response_format", [{"type": "json_schema"}, {"type": "text"}, None, "json_object"], ids=str)
def test_no_other_request_gets_a_word_more(response_format: Any) -> None:
    assert asked({"response_format": response_format}, PLAIN) == chat_request(response_format=response_format)


def test_usage_is_asked_for_whatever_the_client_says_of_it() -> None:
    made = adapt_request(chat_request(stream=False, stream_options={"include_usage": False}), None)

    assert made.body == chat_request() | STREAMED


def test_a_provider_that_takes_no_stream_options_gets_none() -> None:
    made = adapt_request(chat_request(stream_options={"include_usage": True}), PLAIN, stream_usage=False)

    assert made.body == chat_request(stream=True)


QUIRKY = {
    "messages": [{"role": "developer", "content": "Be brief."}],
    "store": True,
    "max_tokens": 10_000_000,
    "response_format": {"type": "json_object"},
    "tool_choice": "required",
    "reasoning_effort": "high",
    "thinking_budget": 3,
}


def test_a_model_that_no_catalog_knows_gets_the_request_as_it_is() -> None:
    assert asked(QUIRKY, None) == chat_request(**QUIRKY)


def test_a_model_without_quirks_gets_roles_and_fields_as_they_are() -> None:
    plain = {name: QUIRKY[name] for name in ("messages", "store", "response_format", "tool_choice")}

    assert asked(plain, model(quirks=Quirks())) == chat_request(**plain)


WORDS = st.fixed_dictionaries(
    {},
    optional={
        "enable_thinking": st.booleans() | st.none(),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max", "x", None]),
        "thinking_budget": st.integers(0, 300_000),
        "thinking": st.sampled_from([{"type": "enabled"}, {"type": "disabled"}, {"type": "x"}]),
        "chat_template_kwargs": st.sampled_from([{"enable_thinking": True}, {"enable_thinking": False}, {"x": 1}, {}]),
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
CATALOG = [known for name in catalog.sections() for known in catalog.section(name).values()]


@given(fields=WORDS, of=st.sampled_from(CATALOG))
def test_what_was_translated_once_is_in_the_models_words_and_an_effort_stands_alone(
    fields: dict[str, Any], of: Model
) -> None:
    try:
        once = adapt_request(chat_request(**fields), of).body
    except RequestInvalid:
        return

    assert adapt_request(once, of).body == once
    if of.thinking != Thinking() and once.get("reasoning_effort") in efforts():
        assert once.get("thinking_budget") is None
        assert once.get("enable_thinking") is None


@given(fields=WORDS, of=st.sampled_from(CATALOG))
def test_the_clients_own_body_stays_as_it_was(fields: dict[str, Any], of: Model) -> None:
    body = chat_request(**fields)
    before = copy.deepcopy(body)

    with contextlib.suppress(RequestInvalid):
        adapt_request(body, of)

    assert body == before
