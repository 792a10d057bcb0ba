"""Thinking controls: what a request asks for, translated into the fields that the model accepts.

Clients send `enable_thinking` (Qwen; vLLM inside `chat_template_kwargs`), `thinking` (Anthropic), `reasoning`
(OpenRouter, OpenAI's Responses), `reasoning_effort` (OpenAI) or `thinking_budget` (Qwen). A model accepts a switch with
or without a budget, or an effort alone: newer models reject an effort together with a budget.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qwen_gateway import datafile
from qwen_gateway.catalog import Model, Thinking
from qwen_gateway.dialect import request_body
from qwen_gateway.errors import RequestInvalid

_SWITCH, _EFFORT, _BUDGET = "enable_thinking", "reasoning_effort", "thinking_budget"
_ANTHROPIC, _TEMPLATE, _REASONING = "thinking", "chat_template_kwargs", "reasoning"
_TEMPLATE_SWITCH = f"{_TEMPLATE}.{_SWITCH}"
_REASONING_SWITCH, _REASONING_EFFORT = f"{_REASONING}.enabled", f"{_REASONING}.effort"
_REASONING_BUDGET = f"{_REASONING}.max_tokens"
_LIMITS = (_EFFORT, _REASONING_EFFORT, _REASONING_BUDGET)
"""Fields that limit thinking; the other ones switch it."""
_NO_EFFORT = "none"

type Body = dict[str, Any]


class ThinkingRequest(NamedTuple):
    """What a request asks for: thinking on or off (None: not specified), the field that decides, effort and budget.

    `budget` is in tokens.
    """

    enabled: bool | None = None
    field: str = ""
    effort: str | None = None
    budget: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the request specifies nothing that is understood; the provider judges the rest."""
        return self.enabled is None and self.budget is None


def parse_thinking(body: Mapping[str, Any]) -> ThinkingRequest:
    """Read the controls of a request. A switch has priority over an effort, Qwen's fields over others'."""
    anthropic, reasoning = _anthropic(body), _reasoning(body)
    efforts_sent = [_effort(body.get(_EFFORT)), _effort(reasoning.get("effort"))]
    max_tokens = _tokens(reasoning.get("max_tokens"))
    switches = {
        _SWITCH: _bool(body.get(_SWITCH)),
        _TEMPLATE_SWITCH: _bool(_template(body).get(_SWITCH)),
        _ANTHROPIC: anthropic["type"] == "enabled" if anthropic else None,
        _REASONING_SWITCH: _bool(reasoning.get("enabled")),
        **{
            name: None if effort is None else effort != _NO_EFFORT
            for name, effort in zip((_EFFORT, _REASONING_EFFORT), efforts_sent, strict=True)
        },
        _REASONING_BUDGET: None if max_tokens is None else max_tokens > 0,
    }
    field, enabled = next(((name, value) for name, value in switches.items() if value is not None), ("", None))
    budgets = (_tokens(body.get(_BUDGET)), _tokens(anthropic.get("budget_tokens")), max_tokens or None)
    return ThinkingRequest(enabled, field, _first(efforts_sent), _first(budgets))


def adapt_thinking(body: Body, model: Model) -> Body:
    """Return the request with the model's own controls; `body` itself if it has them already.

    Raises:
        RequestInvalid: the model cannot do what is asked, and leaving it out would change the answer or its price.
    """
    if model.thinking == Thinking():
        return _flatten_reasoning(body)
    asked = parse_thinking(body)
    wanted = _resolve_exclusion(asked, body, model)
    if wanted.is_empty or (wanted is asked and _is_native(body, asked, model)):
        return _without_reasoning(body)
    controls = _turn_off(wanted, model) if wanted.enabled is False else _turn_on(wanted, model)
    return _remove_controls(body) | controls


def _without_reasoning(body: Body) -> Body:
    """Return the request without `reasoning` and a blank effort, with which clients say that there is none."""
    is_blank = isinstance(body.get(_EFFORT), str) and not body[_EFFORT].strip()
    removed = {_REASONING, _EFFORT} if is_blank else {_REASONING}
    return body if removed.isdisjoint(body) else {name: value for name, value in body.items() if name not in removed}


def _flatten_reasoning(body: Body) -> Body:
    """Return the request with the fields of `reasoning` under Qwen's names: the provider judges them."""
    reasoning = _reasoning(body)
    fields = {
        _SWITCH: _bool(reasoning.get("enabled")),
        _EFFORT: _effort(reasoning.get("effort")),
        _BUDGET: _tokens(reasoning.get("max_tokens")),
    }
    return {name: value for name, value in fields.items() if value is not None} | _without_reasoning(body)


def _resolve_exclusion(asked: ThinkingRequest, body: Body, model: Model) -> ThinkingRequest:
    """Turn off thinking that the client did not ask for, where it would make the provider reject the request."""
    excluding = (_EXCLUSIONS[name] for name in model.quirks.thinking_excludes)
    exclusion = next((each for each in excluding if each.applies(body)), None)
    if exclusion is None or not _can_turn_off(model):
        return asked
    if asked.enabled:
        message = f"{model.id} {exclusion.reason} while it thinks. Leave out {exclusion.field} or {asked.field}."
        raise RequestInvalid(message, param=exclusion.field)
    thinks_by_default = model.thinking.default != "off"
    return ThinkingRequest(enabled=False) if asked.enabled is None and thinks_by_default else asked


class _Exclusion(NamedTuple):
    applies: Callable[[Mapping[str, Any]], bool]
    field: str
    reason: str


_EXCLUSIONS = {
    "forced_tool": _Exclusion(request_body.forces_tool, "tool_choice", "cannot be forced to call a tool"),
    "json_object": _Exclusion(
        lambda body: request_body.response_format(body) == "json_object",
        "response_format",
        "does not give a json_object",
    ),
}


def is_excluded(body: Mapping[str, Any], model: Model) -> bool:
    """Return whether a request asks for something that the model rejects while it thinks."""
    return any(_EXCLUSIONS[name].applies(body) for name in model.quirks.thinking_excludes)


def _is_native(body: Body, asked: ThinkingRequest, model: Model) -> bool:
    if _bool(_template(body).get(_SWITCH)) is not None or _anthropic(body) or _reasoning(body):
        return False
    fields = {name for name in (_SWITCH, _EFFORT, _BUDGET) if body.get(name) is not None}
    is_literal = body.get(_EFFORT) in (None, asked.effort) and not isinstance(body.get(_SWITCH), str)
    if not is_literal or not fields <= set(model.thinking.controls):
        return False
    return _EFFORT not in fields or (len(fields) == 1 and _accepts_effort(model, asked.effort))


def _accepts_effort(model: Model, effort: str | None) -> bool:
    accepted = model.thinking.efforts
    return effort in accepted if accepted else effort != _NO_EFFORT


def _can_turn_off(model: Model) -> bool:
    return _SWITCH in model.thinking.controls or _NO_EFFORT in model.thinking.efforts


def _turn_off(wanted: ThinkingRequest, model: Model) -> Body:
    if model.thinking.default == "never":
        return {}
    if _SWITCH in model.thinking.controls:
        return {_SWITCH: False}
    if _can_turn_off(model):
        return {_EFFORT: _NO_EFFORT}
    raise _unsupported(wanted.field, f"{model.id} cannot answer without thinking")


def _turn_on(wanted: ThinkingRequest, model: Model) -> Body:
    if model.thinking.default == "never":
        return _ignore(wanted, model)
    controls, accepted = model.thinking.controls, model.thinking.efforts
    switch = {_SWITCH: True} if wanted.enabled and _SWITCH in controls else {}
    if wanted.budget is not None and _BUDGET in controls:
        return switch | {_BUDGET: wanted.budget}
    effort = _wanted_effort(wanted)
    if effort and _EFFORT in controls:
        return {_EFFORT: _nearest_effort(effort, accepted) if accepted else effort}
    if wanted.budget is not None:
        raise _unsupported(wanted.field or _BUDGET, f"{model.id} takes no limit on its thinking")
    tokens = efforts()[effort] if effort else None
    return switch | ({_BUDGET: tokens} if tokens and _BUDGET in controls else {})


def _ignore(wanted: ThinkingRequest, model: Model) -> Body:
    """An effort or a budget is a limit, and no thinking is within it; a switch is a demand."""
    if wanted.enabled and wanted.field not in _LIMITS:
        raise _unsupported(wanted.field, f"{model.id} cannot think")
    return {}


def _unsupported(field: str, reason: str) -> RequestInvalid:
    return RequestInvalid(f"{reason}. Leave out {field}, or ask for another model.", param=field)


@functools.cache
def efforts() -> dict[str, int | None]:
    """Return the values of `reasoning_effort`, weakest first, with their budgets in tokens; None is unlimited."""
    document = datafile.load(Path(__file__).parent, "efforts")
    return {effort["name"]: effort.get("tokens") for effort in document["efforts"]}


def _wanted_effort(wanted: ThinkingRequest) -> str | None:
    """Return the effort; for a budget, the weakest effort that covers it."""
    if wanted.budget is not None:
        return next(name for name, limit in efforts().items() if limit is None or limit >= wanted.budget)
    return wanted.effort if wanted.effort != _NO_EFFORT else None


def _nearest_effort(effort: str, accepted: Sequence[str]) -> str:
    """Return the accepted effort that is nearest, the stronger of two, and never `none`."""
    ranks = {name: rank for rank, name in enumerate(efforts())}
    return min(
        (name for name in accepted if name != _NO_EFFORT),
        key=lambda name: (abs(ranks[name] - ranks[effort]), -ranks[name]),
    )


def _remove_controls(body: Body) -> Body:
    """Return the request without thinking controls; other entries of `chat_template_kwargs` stay."""
    controls = {_SWITCH, _EFFORT, _BUDGET} | ({_ANTHROPIC} if _anthropic(body) else set())
    rest = {name: value for name, value in _without_reasoning(body).items() if name not in controls}
    if _SWITCH in _template(body):
        kept = {name: value for name, value in rest.pop(_TEMPLATE).items() if name != _SWITCH}
        rest |= {_TEMPLATE: kept} if kept else {}
    return rest


def _template(body: Mapping[str, Any]) -> Mapping[str, Any]:
    kwargs = body.get(_TEMPLATE)
    return kwargs if isinstance(kwargs, Mapping) else {}


def _anthropic(body: Mapping[str, Any]) -> Mapping[str, Any]:
    control = body.get(_ANTHROPIC)
    return control if isinstance(control, Mapping) and control.get("type") in ("enabled", "disabled") else {}


def _reasoning(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the control that is an object, or in place of one an effort or a switch."""
    match body.get(_REASONING):
        case Mapping() as control:
            return control
        case str() as effort:
            return {"effort": effort}
        case bool() as enabled:
            return {"enabled": enabled}
    return {}


def _first[Value](values: Iterable[Value | None]) -> Value | None:
    return next((value for value in values if value is not None), None)


def _effort(effort: object) -> str | None:
    text = effort.strip().lower() if isinstance(effort, str) else ""
    return text if text in efforts() else None


def _bool(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
