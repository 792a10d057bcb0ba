"""What a request says about thinking, in whichever words, said again in those that the model takes.

Clients say it by `enable_thinking` (Qwen; vLLM's inside `chat_template_kwargs`), `thinking` (Anthropic's form),
`reasoning_effort` (OpenAI) or `thinking_budget`. A model is told by a switch with or without a budget, or by an
effort alone: newer models refuse an effort beside a budget.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qwen_gateway.catalog import Model, Thinking
from qwen_gateway.errors import RequestInvalid
from qwen_gateway.upstream import conversation, efforts

SWITCH, EFFORT, BUDGET = "enable_thinking", "reasoning_effort", "thinking_budget"
_FORM, _TEMPLATE = "thinking", "chat_template_kwargs"
_TEMPLATE_SWITCH = f"{_TEMPLATE}.{SWITCH}"

Body = dict[str, Any]


class Wish(NamedTuple):
    """What a request says: whether to think (None: it does not say), the field that says so, and how much."""

    wanted: bool | None = None
    field: str = ""
    effort: str | None = None
    budget: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was said that is understood; what is not understood is the provider's to judge."""
        return self.wanted is None and self.budget is None


def wish(body: Mapping[str, Any]) -> Wish:
    """Read what a request says. A switch counts more than an effort, Qwen's own words more than others'."""
    effort, form = _effort(body), _form(body)
    switches = {
        SWITCH: _flag(body.get(SWITCH)),
        _TEMPLATE_SWITCH: _flag(_template(body).get(SWITCH)),
        _FORM: form["type"] == "enabled" if form else None,
        EFFORT: None if effort is None else effort != efforts.NONE,
    }
    field, wanted = next(((name, said) for name, said in switches.items() if said is not None), ("", None))
    budget = _count(body.get(BUDGET))
    return Wish(wanted, field, effort, _count(form.get("budget_tokens")) if budget is None else budget)


def translated(body: Body, model: Model) -> Body:
    """Return the request in the words of the model; `body` itself when it is in them already.

    Raises:
        RequestInvalid: the model cannot do what is asked, and without it the answer or its price would be another.
    """
    if model.thinking == Thinking():
        return body
    asked = wish(body)
    said = _beside_what_excludes_it(asked, body, model)
    if said.empty or (said is asked and _in_its_words(body, asked, model)):
        return body
    words = _off(said, model) if said.wanted is False else _on(said, model)
    return _without_words(body) | words


def _beside_what_excludes_it(asked: Wish, body: Body, model: Model) -> Wish:
    """Switch thinking off that nobody asked for, where it would have the request refused."""
    exclusion = next((_EXCLUDED[each] for each in model.quirks.thinking_excludes if _EXCLUDED[each].asked(body)), None)
    if exclusion is None or not _can_be_off(model):
        return asked
    if asked.wanted:
        message = f"{model.id} {exclusion.words} while it thinks. Leave out {exclusion.field} or {asked.field}."
        raise RequestInvalid(message, param=exclusion.field)
    thinks_unasked = model.thinking.unasked != "off"
    return Wish(wanted=False) if asked.wanted is None and thinks_unasked else asked


class _Exclusion(NamedTuple):
    asked: Callable[[Mapping[str, Any]], bool]
    field: str
    words: str


_EXCLUDED = {
    "forced_tool": _Exclusion(conversation.forces_tool, "tool_choice", "cannot be forced to call a tool"),
    "json_object": _Exclusion(
        lambda body: conversation.format_asked(body) == "json_object",
        "response_format",
        "does not give a json_object",
    ),
}


def excluded(body: Mapping[str, Any], model: Model) -> bool:
    """Whether a request asks for what the model refuses while it thinks."""
    return any(_EXCLUDED[each].asked(body) for each in model.quirks.thinking_excludes)


def _in_its_words(body: Body, asked: Wish, model: Model) -> bool:
    if _flag(_template(body).get(SWITCH)) is not None or _form(body):
        return False
    said = {name for name in (SWITCH, EFFORT, BUDGET) if body.get(name) is not None}
    if not said <= set(model.thinking.controls):
        return False
    return EFFORT not in said or (len(said) == 1 and _takes(asked.effort, model))


def _takes(effort: str | None, model: Model) -> bool:
    known = model.thinking.efforts
    return effort in known if known else effort != efforts.NONE


def _off(said: Wish, model: Model) -> Body:
    if model.thinking.unasked == "never":
        return {}
    if SWITCH in model.thinking.controls:
        return {SWITCH: False}
    if _can_be_off(model):
        return {EFFORT: efforts.NONE}
    raise _impossible(said.field, f"{model.id} cannot answer without thinking")


def _on(said: Wish, model: Model) -> Body:
    if model.thinking.unasked == "never":
        return _nothing(said, model)
    controls, known = model.thinking.controls, model.thinking.efforts
    switch = {SWITCH: True} if said.wanted and SWITCH in controls else {}
    if said.budget is not None and BUDGET in controls:
        return switch | {BUDGET: said.budget}
    effort = _effort_wanted(said)
    if effort and EFFORT in controls:
        return {EFFORT: efforts.nearest(effort, known) if known else effort}
    if said.budget is not None:
        raise _impossible(said.field or BUDGET, f"{model.id} takes no limit on its thinking")
    tokens = efforts.scale()[effort] if effort else None
    return switch | ({BUDGET: tokens} if tokens and BUDGET in controls else {})


def _nothing(said: Wish, model: Model) -> Body:
    """An effort and a budget are measures, and the nearest to them is none at all; a switch is a demand."""
    if said.wanted and said.field != EFFORT:
        raise _impossible(said.field, f"{model.id} cannot think")
    return {}


def _effort_wanted(said: Wish) -> str | None:
    if said.budget is not None:
        return efforts.within(said.budget)
    return said.effort if said.effort != efforts.NONE else None


def _can_be_off(model: Model) -> bool:
    return SWITCH in model.thinking.controls or efforts.NONE in model.thinking.efforts


def _impossible(field: str, words: str) -> RequestInvalid:
    return RequestInvalid(f"{words}. Leave out {field}, or ask for another model.", param=field)


def _without_words(body: Body) -> Body:
    """Return the request without a word on thinking; what else `chat_template_kwargs` holds stays."""
    spoken = {SWITCH, EFFORT, BUDGET} | ({_FORM} if _form(body) else set())
    rest = {name: value for name, value in body.items() if name not in spoken}
    if SWITCH in _template(body):
        kept = {name: value for name, value in rest.pop(_TEMPLATE).items() if name != SWITCH}
        rest |= {_TEMPLATE: kept} if kept else {}
    return rest


def _template(body: Mapping[str, Any]) -> Mapping[str, Any]:
    kwargs = body.get(_TEMPLATE)
    return kwargs if isinstance(kwargs, Mapping) else {}


def _form(body: Mapping[str, Any]) -> Mapping[str, Any]:
    form = body.get(_FORM)
    return form if isinstance(form, Mapping) and form.get("type") in ("enabled", "disabled") else {}


def _effort(body: Mapping[str, Any]) -> str | None:
    effort = body.get(EFFORT)
    return effort if isinstance(effort, str) and effort in efforts.scale() else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
