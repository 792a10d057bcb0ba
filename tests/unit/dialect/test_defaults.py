"""Default parameters of a target: the client's own have priority, and nothing contradicts them."""

from typing import Any

import pytest

from qwen_gateway.dialect import apply_defaults

OFF = {"enable_thinking": False}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"enable_thinking": None},
        {"chat_template_kwargs": {"tools": 1}},
        {"temperature": 1},
        {"reasoning_effort": ""},
        {"reasoning": {"exclude": True}},
        {"reasoning": {"effort": None}},
        {"thinking": {}},
    ],
    ids=str,
)
def test_a_parameter_that_is_not_set_gets_its_default(fields: dict[str, Any]) -> None:
    assert apply_defaults(fields, OFF) == fields | OFF


@pytest.mark.parametrize(
    "fields",
    [
        {"enable_thinking": True},
        {"reasoning_effort": "high"},
        {"reasoning_effort": "none"},
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "adaptive"}},
        {"thinking_budget": 100},
        {"reasoning": {"effort": "low"}},
        {"chat_template_kwargs": {"enable_thinking": True}},
    ],
    ids=str,
)
def test_a_default_does_not_contradict_an_equivalent_control(fields: dict[str, Any]) -> None:
    for defaults in (OFF, {"reasoning_effort": "low"}, {"thinking_budget": 5}):
        assert apply_defaults(fields, defaults) == fields


def test_other_defaults_apply_beside_the_clients_controls() -> None:
    defaults = {"enable_thinking": False, "top_k": 5, "max_tokens": 10, "chat_template_kwargs": {"x": 1}}

    assert apply_defaults({"reasoning_effort": "low"}, defaults) == {
        "reasoning_effort": "low",
        "top_k": 5,
        "max_tokens": 10,
    }
    assert apply_defaults({"max_completion_tokens": 3}, {"max_tokens": 10}) == {"max_completion_tokens": 3}
    assert apply_defaults({"chat_template_kwargs": {"y": 2}}, {"chat_template_kwargs": {"x": 1}}) == {
        "chat_template_kwargs": {"y": 2}
    }


def test_the_request_is_not_changed_in_place() -> None:
    body: dict[str, Any] = {"model": "m"}

    apply_defaults(body, OFF)

    assert body == {"model": "m"}
