"""Thinking controls, translated for each kind of model."""

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
CONTROLS = {
    *("enable_thinking", "reasoning_effort", "thinking_budget"),
    *("thinking", "chat_template_kwargs", "reasoning"),
}
ENABLED = {"thinking": {"type": "enabled"}}
DISABLED = {"thinking": {"type": "disabled"}}
IN_TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}

ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


def format_case(value: Any) -> str:
    """Return the name of a case."""
    if not isinstance(value, Model):
        return str(value)
    return f"{value.thinking.default} {value.thinking.controls} {value.thinking.efforts}"


def effort(name: str) -> dict[str, Any]:
    return {"reasoning_effort": name}


def reasoning(**fields: Any) -> dict[str, Any]:
    return {"reasoning": fields}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinking_budget": tokens}


def adapt_controls(fields: dict[str, Any], to: Model) -> dict[str, Any]:
    """Return the thinking controls that a target receives."""
    body = adapt_request(chat_request(**fields), to).body
    return {name: value for name, value in body.items() if name in CONTROLS}


THINKING = [
    # controls that the model accepts
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
    # an effort, for a model that accepts a budget
    (PLAIN, effort("low"), ON | budget(1_024)),
    (PLAIN, effort("medium"), ON | budget(8_192)),
    (PLAIN, effort("high"), ON | budget(24_576)),
    (PLAIN, effort("xhigh"), ON),
    (PLAIN, effort("none"), OFF),
    # an effort that the model does not accept
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
    # vLLM's form
    (PLAIN_ON, IN_TEMPLATE, OFF),
    (PLAIN, {"chat_template_kwargs": {"enable_thinking": True, "x": 1}}, ON | {"chat_template_kwargs": {"x": 1}}),
    (PLAIN, {"chat_template_kwargs": {"x": 1}}, {"chat_template_kwargs": {"x": 1}}),
    # two controls
    (PLAIN, ON | effort("low"), ON | budget(1_024)),
    (PLAIN, ON | effort("low") | budget(7), ON | budget(7)),
    (EFFORTS, effort("low") | budget(7), ON | budget(7)),
    (EFFORTS_UNKNOWN, effort("low") | budget(7), ON | budget(7)),
    (EFFORTS, ON | effort("low"), effort("low")),
    (EFFORTS_ONLY, effort("low") | budget(7), effort("low")),
    # contradictory controls: Qwen's fields and switches take precedence
    (PLAIN, OFF | effort("high"), OFF),
    (PLAIN, ON | effort("none"), ON),
    (PLAIN, ON | DISABLED, ON),
    (PLAIN, ENABLED | IN_TEMPLATE, OFF),
    (EFFORTS, ON | effort("none"), ON),
    # models whose thinking cannot be changed
    (NEVER, effort("high"), {}),
    (NEVER, OFF, {}),
    (NEVER, budget(7), {}),
    (ALWAYS, effort("low"), {}),
    (ALWAYS, ON, {}),
    # OpenRouter's form
    (PLAIN, reasoning(effort="high"), ON | budget(24_576)),
    (PLAIN, reasoning(effort="none"), OFF),
    (PLAIN, reasoning(enabled=True), ON),
    (PLAIN, reasoning(enabled=False), OFF),
    (PLAIN, reasoning(enabled=False, effort="high"), OFF),
    (PLAIN, reasoning(max_tokens=2_000), ON | budget(2_000)),
    (PLAIN, reasoning(max_tokens=0), OFF),
    (PLAIN, reasoning(enabled=True, max_tokens=2_000, exclude=True), ON | budget(2_000)),
    (PLAIN, reasoning(exclude=True), {}),
    (PLAIN, reasoning(effort=None, summary="auto"), {}),
    (PLAIN, reasoning(effort="extreme"), {}),
    (PLAIN, reasoning(effort="NONE"), OFF),
    (PLAIN, effort("High"), ON | budget(24_576)),
    (PLAIN, effort(""), {}),
    (PLAIN, {"enable_thinking": "false"}, OFF),
    (PLAIN, {"chat_template_kwargs": {"enable_thinking": "True"}}, ON),
    (EFFORTS_ONLY, effort("Low"), effort("low")),
    (EFFORTS_ONLY, effort(" "), {}),
    (PLAIN, {"reasoning": {}}, {}),
    (PLAIN, {"reasoning": None}, {}),
    (PLAIN, {"reasoning": "none"}, OFF),
    (PLAIN, {"reasoning": False}, OFF),
    (PLAIN, ON | reasoning(exclude=True), ON),
    (PLAIN, ON | reasoning(effort="none"), ON),
    (PLAIN, effort("low") | reasoning(effort="high"), ON | budget(1_024)),
    (PLAIN, DISABLED | reasoning(enabled=True), OFF),
    (EFFORTS, reasoning(effort="low"), effort("low")),
    (EFFORTS, reasoning(effort="high"), effort("xhigh")),
    (EFFORTS_ONLY, reasoning(max_tokens=2_000), effort("medium")),
    (EFFORTS_ONLY, reasoning(enabled=False), effort("none")),
    (NEVER, reasoning(effort="high"), {}),
    (NEVER, reasoning(max_tokens=9), {}),
    (NEVER, reasoning(enabled=False), {}),
    (ALWAYS, reasoning(effort="low"), {}),
    (NOT_KNOWN, reasoning(enabled=False), OFF),
    (NOT_KNOWN, reasoning(effort="low", max_tokens=5, exclude=True), effort("low") | budget(5)),
    (NOT_KNOWN, ON | reasoning(enabled=False), ON),
    # what is unknown or not understood is left to the provider
    (NOT_KNOWN, ENABLED | effort("low") | budget(1), ENABLED | effort("low") | budget(1)),
    (PLAIN, effort("extreme"), effort("extreme")),
    (PLAIN, {"enable_thinking": "yes"}, {"enable_thinking": "yes"}),
    (PLAIN, {"enable_thinking": "yes", **effort("none")}, OFF),
    (PLAIN, effort("extreme") | budget(5), budget(5)),
    (PLAIN, {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    (PLAIN, {"thinking": True, "chat_template_kwargs": []}, {"thinking": True, "chat_template_kwargs": []}),
]  # fmt: skip


@pytest.mark.parametrize(("to", "fields", "expected"), THINKING, ids=format_case)
def test_thinking_controls_are_translated_for_the_model(
    to: Model, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert adapt_controls(fields, to) == expected


@pytest.mark.parametrize(
    ("to", "fields", "param"),
    [
        (NEVER, ON, "enable_thinking"),
        (NEVER, ENABLED, "thinking"),
        (NEVER, {"chat_template_kwargs": {"enable_thinking": True}}, "chat_template_kwargs.enable_thinking"),
        (NEVER, reasoning(enabled=True), "reasoning.enabled"),
        (ALWAYS, reasoning(effort="none"), "reasoning.effort"),
        (ALWAYS, reasoning(max_tokens=7), "reasoning.max_tokens"),
        (ALWAYS, OFF, "enable_thinking"),
        (ALWAYS, effort("none"), "reasoning_effort"),
        (ALWAYS, budget(7), "thinking_budget"),
        (ALWAYS, {"thinking": {"type": "enabled", "budget_tokens": 7}}, "thinking"),
    ],
    ids=format_case,
)
def test_a_control_that_the_model_cannot_follow_is_rejected_by_its_name(
    to: Model, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(RequestInvalid, match=f"{to.id} .* Leave out {param}") as raised:
        adapt_request(chat_request(**fields), to)

    assert raised.value.param == param


@pytest.mark.parametrize("exclusive", [FORCED, NAMED, JSON], ids=["required", "named", "json_object"])
@pytest.mark.parametrize(
    ("to", "fields", "expected"),
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
    ids=format_case,
)
def test_what_excludes_thinking_turns_off_thinking_that_was_not_requested(
    to: Model, fields: dict[str, Any], expected: dict[str, Any], exclusive: dict[str, Any]
) -> None:
    assert adapt_controls(fields | exclusive, to) == expected


@pytest.mark.parametrize("thinking", [ON, ENABLED, effort("low"), reasoning(effort="low")], ids=format_case)
@pytest.mark.parametrize("exclusive", [FORCED, NAMED, JSON], ids=["required", "named", "json_object"])
@pytest.mark.parametrize("to", [PLAIN, PLAIN_ON], ids=["off by default", "on by default"])
def test_a_field_that_excludes_requested_thinking_is_rejected_and_both_are_named(
    to: Model, thinking: dict[str, Any], exclusive: dict[str, Any]
) -> None:
    (field,) = thinking
    excluding = next(iter(exclusive))

    with pytest.raises(RequestInvalid, match=f"Leave out {excluding} or {field}") as raised:
        adapt_request(chat_request(**thinking, **exclusive), to)

    assert raised.value.param == excluding


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_a_tool_choice_that_forces_nothing_leaves_thinking_alone(choice: str | None) -> None:
    assert adapt_controls({"tool_choice": choice}, PLAIN_ON) == {}
