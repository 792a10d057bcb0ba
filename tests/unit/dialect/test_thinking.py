"""Thinking, said in the words of each kind of model."""

from typing import Any

import pytest

from qwen_gateway.catalog import Model, Thinking
from qwen_gateway.dialect.chat import adapt_request
from qwen_gateway.errors import RequestInvalid
from tests.builders import chat_request, model, thinking_model

PLAIN = model()
PLAIN_ON = thinking_model("on")
EFFORTS = thinking_model(
    "on", ("enable_thinking", "reasoning_effort", "thinking_budget"), "none", "low", "medium", "xhigh"
)
EFFORTS_ONLY = thinking_model("on", ("reasoning_effort",), "none", "low", "medium", "xhigh")
HIGH_OR_NONE = thinking_model("on", ("reasoning_effort",), "none", "high")
EFFORTS_UNKNOWN = thinking_model("on", ("enable_thinking", "reasoning_effort", "thinking_budget"))
ALWAYS = thinking_model("always", ())
NEVER = thinking_model("never", ())
NOT_KNOWN = model(thinking=Thinking())
DEFAULT_NOT_KNOWN = thinking_model(None)

FORCED = {"tool_choice": "required"}
NAMED = {"tool_choice": {"type": "function", "function": {"name": "weather"}}}
JSON = {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "Give me Json."}]}
WORDS = {"enable_thinking", "reasoning_effort", "thinking_budget", "thinking", "chat_template_kwargs"}
ENABLED = {"thinking": {"type": "enabled"}}
DISABLED = {"thinking": {"type": "disabled"}}
IN_TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}

ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


def spelled(value: Any) -> str:
    """The name of a case."""
    if not isinstance(value, Model):
        return str(value)
    return f"{value.thinking.default} {value.thinking.controls} {value.thinking.efforts}"


def effort(name: str) -> dict[str, Any]:
    return {"reasoning_effort": name}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinking_budget": tokens}


def said(fields: dict[str, Any], of: Model) -> dict[str, Any]:
    """What a target is told about thinking."""
    body = adapt_request(chat_request(**fields), of).body
    return {name: value for name, value in body.items() if name in WORDS}


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
    (HIGH_OR_NONE, effort("minimal"), effort("high")),
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
    (PLAIN, {"enable_thinking": "yes", **effort("none")}, OFF),
    (PLAIN, effort("extreme") | budget(5), budget(5)),
    (PLAIN, {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    (PLAIN, {"thinking": True, "chat_template_kwargs": []}, {"thinking": True, "chat_template_kwargs": []}),
]  # fmt: skip


@pytest.mark.parametrize(("of", "fields", "words"), THINKING, ids=spelled)
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
    ids=spelled,
)
def test_a_demand_that_the_model_cannot_meet_is_refused_by_its_name(
    of: Model, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(RequestInvalid, match=f"{of.id} .* Leave out {param}") as refused:
        adapt_request(chat_request(**fields), of)

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
    ids=spelled,
)
def test_what_excludes_thinking_switches_off_thinking_that_nobody_asked_for(
    of: Model, fields: dict[str, Any], words: dict[str, Any], exclusive: dict[str, Any]
) -> None:
    assert said(fields | exclusive, of) == words


@pytest.mark.parametrize("thinks", [ON, ENABLED, effort("low")], ids=spelled)
@pytest.mark.parametrize("exclusive", [FORCED, NAMED, JSON], ids=["required", "named", "json_object"])
@pytest.mark.parametrize("of", [PLAIN, PLAIN_ON], ids=["off unasked", "on unasked"])
def test_what_excludes_thinking_that_was_asked_for_is_refused_and_both_are_named(
    of: Model, thinks: dict[str, Any], exclusive: dict[str, Any]
) -> None:
    (field,) = thinks
    excluding = next(iter(exclusive))

    with pytest.raises(RequestInvalid, match=f"Leave out {excluding} or {field}") as refused:
        adapt_request(chat_request(**thinks, **exclusive), of)

    assert refused.value.param == excluding


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_a_tool_choice_that_forces_nothing_leaves_thinking_alone(choice: str | None) -> None:
    assert said({"tool_choice": choice}, PLAIN_ON) == {}
