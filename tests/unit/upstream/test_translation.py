"""What each quirk of a model makes of a request."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_gateway import catalog
from qwen_gateway.catalog import Model, Quirks, Thinking
from qwen_gateway.errors import RequestInvalid
from qwen_gateway.upstream import efforts
from qwen_gateway.upstream.translation import translated
from tests.builders import chat_request, model, thinking_model

STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
PLAIN = model()
PLAIN_ON = thinking_model("on")
EFFORTS = thinking_model(
    "on", ("enable_thinking", "reasoning_effort", "thinking_budget"), "none", "low", "medium", "xhigh"
)
EFFORTS_ONLY = thinking_model("on", ("reasoning_effort",), "none", "low", "medium", "xhigh")
EFFORTS_UNKNOWN = thinking_model("on", ("enable_thinking", "reasoning_effort", "thinking_budget"))
ALWAYS = thinking_model("always", ())
NEVER = thinking_model("never", ())
NOT_KNOWN = model(thinking=Thinking())
DEFAULT_NOT_KNOWN = thinking_model(None)

FORCED = {"tool_choice": "required"}
NAMED = {"tool_choice": {"type": "function", "function": {"name": "weather"}}}
JSON = {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Give me Json."}]}
ENABLED = {"thinking": {"type": "enabled"}}
DISABLED = {"thinking": {"type": "disabled"}}
IN_TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}

ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


def effort(name: str) -> dict[str, Any]:
    return {"reasoning_effort": name}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinking_budget": tokens}


def asked(fields: dict[str, Any], of: Model | None) -> dict[str, Any]:
    """What a target is asked, less what every call has."""
    body = translated(chat_request(**fields), of).body
    assert body.items() >= STREAMED.items()
    return {name: value for name, value in body.items() if name not in STREAMED}


def said(fields: dict[str, Any], of: Model) -> dict[str, Any]:
    """What a target is told about thinking."""
    words = ("enable_thinking", "reasoning_effort", "thinking_budget", "thinking", "chat_template_kwargs")
    return {name: value for name, value in asked(fields, of).items() if name in words}


THINKING = [
    # in the model's own words already
    (PLAIN, ON, ON),
    (PLAIN, OFF, OFF),
    (PLAIN, ON | budget(5), ON | budget(5)),
    (PLAIN, budget(5), budget(5)),
    (PLAIN, OFF | budget(5), OFF | budget(5)),
    (EFFORTS, effort("low"), effort("low")),
    (EFFORTS, effort("none"), effort("none")),
    (EFFORTS_UNKNOWN, effort("high"), effort("high")),
    (PLAIN, {}, {}),
    (PLAIN, {"enable_thinking": None}, {"enable_thinking": None}),
    # an effort, where the model takes a budget
    (PLAIN, effort("low"), ON | budget(1_024)),
    (PLAIN, effort("medium"), ON | budget(8_192)),
    (PLAIN, effort("high"), ON | budget(24_576)),
    (PLAIN, effort("xhigh"), ON),
    (PLAIN, effort("none"), OFF),
    # an effort that the model does not know
    (EFFORTS, effort("minimal"), effort("low")),
    (EFFORTS, effort("high"), effort("xhigh")),
    (EFFORTS, effort("max"), effort("xhigh")),
    (EFFORTS_UNKNOWN, effort("none"), OFF),
    # Anthropic's form
    (PLAIN, ENABLED, ON),
    (PLAIN, DISABLED, OFF),
    (PLAIN, {"thinking": {"type": "enabled", "budget_tokens": 2_000}}, ON | budget(2_000)),
    (EFFORTS_ONLY, {"thinking": {"type": "enabled", "budget_tokens": 2_000}}, effort("medium")),
    (EFFORTS_ONLY, {"thinking": {"type": "enabled", "budget_tokens": 900_000}}, effort("xhigh")),
    (EFFORTS_ONLY, DISABLED, effort("none")),
    (EFFORTS_ONLY, ENABLED, {}),
    # vLLM's way
    (PLAIN_ON, IN_TEMPLATE, OFF),
    (PLAIN, {"chat_template_kwargs": {"enable_thinking": True, "x": 1}}, ON | {"chat_template_kwargs": {"x": 1}}),
    (PLAIN, {"chat_template_kwargs": {"x": 1}}, {"chat_template_kwargs": {"x": 1}}),
    # two at once
    (PLAIN, ON | effort("low"), ON | budget(1_024)),
    (PLAIN, ON | effort("low") | budget(7), ON | budget(7)),
    (EFFORTS, effort("low") | budget(7), ON | budget(7)),
    (EFFORTS_UNKNOWN, effort("low") | budget(7), ON | budget(7)),
    (EFFORTS, ON | effort("low"), effort("low")),
    (EFFORTS_ONLY, effort("low") | budget(7), effort("low")),
    # of two that contradict, Qwen's own and the switch count more
    (PLAIN, OFF | effort("high"), OFF),
    (PLAIN, ON | effort("none"), ON),
    (PLAIN, ON | DISABLED, ON),
    (PLAIN, ENABLED | IN_TEMPLATE, OFF),
    (EFFORTS, ON | effort("none"), ON),
    # models that have no choice
    (NEVER, effort("high"), {}),
    (NEVER, OFF, {}),
    (NEVER, budget(7), {}),
    (ALWAYS, effort("low"), {}),
    (ALWAYS, ON, {}),
    # what is not known or not understood is left to the provider
    (NOT_KNOWN, ENABLED | effort("low") | budget(1), ENABLED | effort("low") | budget(1)),
    (PLAIN, effort("extreme"), effort("extreme")),
    (PLAIN, {"enable_thinking": "yes"}, {"enable_thinking": "yes"}),
    (PLAIN, {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    (PLAIN, {"thinking": True, "chat_template_kwargs": []}, {"thinking": True, "chat_template_kwargs": []}),
]  # fmt: skip


@pytest.mark.parametrize(("of", "fields", "words"), THINKING, ids=str)
def test_thinking_is_said_in_the_models_words_and_in_one_way(
    of: Model, fields: dict[str, Any], words: dict[str, Any]
) -> None:
    assert said(fields, of) == words


@pytest.mark.parametrize(
    ("of", "fields", "param"),
    [
        (NEVER, ON, "enable_thinking"),
        (NEVER, ENABLED, "thinking"),
        (NEVER, {"chat_template_kwargs": {"enable_thinking": True}}, "chat_template_kwargs.enable_thinking"),
        (ALWAYS, OFF, "enable_thinking"),
        (ALWAYS, effort("none"), "reasoning_effort"),
        (ALWAYS, budget(7), "thinking_budget"),
        (ALWAYS, {"thinking": {"type": "enabled", "budget_tokens": 7}}, "thinking"),
    ],
    ids=str,
)
def test_a_demand_that_the_model_cannot_meet_is_refused_by_its_name(
    of: Model, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(RequestInvalid, match=f"{of.id} .* Leave out {param}") as refused:
        translated(chat_request(**fields), of)

    assert refused.value.param == param


@pytest.mark.parametrize("exclusive", [FORCED, NAMED, JSON], ids=["required", "named", "json_object"])
@pytest.mark.parametrize(
    ("of", "fields", "words"),
    [
        (PLAIN_ON, {}, OFF),
        (PLAIN_ON, budget(7), OFF),
        (DEFAULT_NOT_KNOWN, {}, OFF),
        (EFFORTS_ONLY, {}, effort("none")),
        (PLAIN_ON, effort("none"), OFF),
        (EFFORTS, effort("none"), effort("none")),
        (PLAIN, {}, {}),
        (PLAIN, budget(7), budget(7)),
        (NEVER, {}, {}),
        (ALWAYS, {}, {}),
        (NOT_KNOWN, {}, {}),
    ],
    ids=str,
)
def test_what_excludes_thinking_switches_off_thinking_that_nobody_asked_for(
    of: Model, fields: dict[str, Any], words: dict[str, Any], exclusive: dict[str, Any]
) -> None:
    assert said(fields | exclusive, of) == words


@pytest.mark.parametrize("thinks", [ON, ENABLED, effort("low")], ids=str)
@pytest.mark.parametrize("exclusive", [FORCED, NAMED, JSON], ids=["required", "named", "json_object"])
@pytest.mark.parametrize("of", [PLAIN, PLAIN_ON], ids=["off unasked", "on unasked"])
def test_what_excludes_thinking_that_was_asked_for_is_refused_and_both_are_named(
    of: Model, thinks: dict[str, Any], exclusive: dict[str, Any]
) -> None:
    (field,) = thinks
    excluding = next(iter(exclusive))

    with pytest.raises(RequestInvalid, match=f"Leave out {excluding} or {field}") as refused:
        translated(chat_request(**thinks, **exclusive), of)

    assert refused.value.param == excluding


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_a_tool_choice_that_forces_nothing_leaves_thinking_alone(choice: str | None) -> None:
    assert said({"tool_choice": choice}, PLAIN_ON) == {}


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
    made = translated(chat_request(**fields), PLAIN)

    assert made.body == chat_request(**caps) | STREAMED
    assert made.lowered_cap == lowered


@pytest.mark.parametrize(
    ("of", "most", "cap"),
    [(PLAIN, 4_000, 4_000), (PLAIN, 9_000, 8_192), (None, 4_000, 4_000), (None, None, None)],
    ids=["first has less", "first has more", "not in the catalog", "neither is"],
)
def test_no_target_gets_a_higher_output_cap_than_the_first(of: Model | None, most: int | None, cap: int | None) -> None:
    made = translated(chat_request(max_tokens=10_000), of, most=most)

    assert (made.body["max_tokens"], made.lowered_cap) == (cap or 10_000, cap)


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
    made = translated(chat_request(stream=False, stream_options={"include_usage": False}), None)

    assert made.body == chat_request() | STREAMED


def test_a_provider_that_takes_no_stream_options_gets_none() -> None:
    made = translated(chat_request(stream_options={"include_usage": True}), PLAIN, stream_usage=False)

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
        "thinking": st.sampled_from([ENABLED["thinking"], DISABLED["thinking"], {"type": "x"}]),
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
        once = translated(chat_request(**fields), of).body
    except RequestInvalid:
        return

    assert translated(once, of).body == once
    if once.get("reasoning_effort") in efforts.scale():
        assert once.get("thinking_budget") is None
        assert once.get("enable_thinking") is None


@given(fields=WORDS, of=st.sampled_from(CATALOG))
def test_the_clients_own_body_stays_as_it_was(fields: dict[str, Any], of: Model) -> None:
    body = chat_request(**fields)
    before = copy.deepcopy(body)

    with contextlib.suppress(RequestInvalid):
        translated(body, of)

    assert body == before
