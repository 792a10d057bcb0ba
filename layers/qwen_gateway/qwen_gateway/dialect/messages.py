"""What a request for Anthropic's Messages requires of a model, and its form for that model.

The request is relayed, not translated: only what the catalog knows to be rejected is changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect.chat import AdaptedRequest, ChatRequirements, replace_rejected_numbers
from qwen_gateway.dialect.thinking import is_excluded
from qwen_gateway.errors import RequestInvalid

type Body = dict[str, Any]

_THINKING, _BUDGET = "thinking", "budget_tokens"
_OFF = {"type": "disabled"}
_FORCED_CHOICES = ("any", "tool")
_IMAGE = "image"


def list_blocks(body: Mapping[str, Any]) -> list[Body]:
    """Return the content blocks of the system prompt and all messages, with those inside tools' results."""
    messages = [message for message in body.get("messages") or () if isinstance(message, dict)]
    contents = [body.get("system"), *(message.get("content") for message in messages)]
    return [block for content in contents for block in _walk(content)]


def _walk(content: object) -> Iterator[Body]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            yield block
            yield from _walk(block.get("content"))


def describe_as_chat(body: Mapping[str, Any]) -> Body:
    """Return what of a request counts for a model, in the terms of a chat request: parts, tools, thinking, the cap."""
    parts = [
        {"type": _IMAGE} if block.get("type") == _IMAGE else {"type": "text", "text": block.get("text")}
        for block in list_blocks(body)
    ]
    control = body.get(_THINKING)
    thinking = control if isinstance(control, Mapping) else {}
    if thinking and thinking.get("type") != _OFF["type"]:
        # `adaptive`, too, is thinking that the client asked for.
        thinking = {**thinking, "type": "enabled"}
    described = {
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": body.get("max_tokens"),
        "tools": body.get("tools") or None,
        "tool_choice": "required" if _forces_tool(body) else None,
        _THINKING: thinking or None,
    }
    return {name: value for name, value in described.items() if value is not None}


class MessagesRequirements(ChatRequirements):
    """What a request requires of a model. Only a fact of the catalog contradicts a requirement."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(describe_as_chat(body))


def adapt_messages(body: Mapping[str, Any], model: Model | None, output_limit: int | None) -> AdaptedRequest:
    """Return the request in the form that a target takes.

    Every call is streamed, as those of chat are. `output_limit` is the highest output cap in tokens that any target of
    this request may get.

    Raises:
        RequestInvalid: the target cannot do what is asked.
    """
    adapted = {**_apply_switch(dict(body)), "stream": True}
    if model is None:
        return AdaptedRequest(adapted)
    if model.embedding:
        raise RequestInvalid(f"{model.id} gives embeddings, no answers: use POST /v1/embeddings.", param="model")
    adapted = _resolve_exclusion(adapted, model)
    limits = [limit for limit in (output_limit, model.output_tokens) if limit is not None]
    changes = replace_rejected_numbers(adapted, model)
    if limits and adapted["max_tokens"] > min(limits):
        changes |= {"max_tokens": min(limits)}
    return AdaptedRequest(_limit_budget(adapted | changes), changes)


def _apply_switch(body: Body) -> Body:
    """Return the request with Qwen's switch, which is a default of some routes, in Anthropic's form."""
    enabled = body.pop("enable_thinking", None)
    return body | {_THINKING: _OFF} if enabled is False and _THINKING not in body else body


def _resolve_exclusion(body: Body, model: Model) -> Body:
    """Turn off thinking that the client did not ask for, where it would make the provider reject the request."""
    described = describe_as_chat(body)
    if not is_excluded(described, model):
        return body
    if described.get(_THINKING, {}).get("type") == "enabled":
        message = f"{model.id} cannot be forced to call a tool while it thinks. Leave out tool_choice or thinking."
        raise RequestInvalid(message, param="tool_choice")
    thinks_by_default = model.thinking.default not in ("off", "never", "always")
    return body | {_THINKING: _OFF} if thinks_by_default else body


def _limit_budget(body: Body) -> Body:
    """Return the request with a thinking budget below its output cap, as Anthropic requires: the cap may be lowered."""
    thinking = body.get(_THINKING)
    if not isinstance(thinking, dict):
        return body
    budget = thinking.get(_BUDGET)
    if not isinstance(budget, int) or budget < body["max_tokens"]:
        return body
    return body | {_THINKING: {**thinking, _BUDGET: body["max_tokens"] - 1}}


def _forces_tool(body: Mapping[str, Any]) -> bool:
    choice = body.get("tool_choice")
    return isinstance(choice, Mapping) and choice.get("type") in _FORCED_CHOICES
