"""What a request for OpenAI's Responses requires of a model, and its form for that model.

The request is relayed, not translated: only what the catalog knows to be rejected is changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from qwen_gateway.catalog import Model
from qwen_gateway.dialect.chat import AdaptedRequest, ChatRequirements, replace_rejected_numbers
from qwen_gateway.dialect.thinking import is_excluded, parse_thinking
from qwen_gateway.errors import RequestInvalid

type Body = dict[str, Any]

CAP = "max_output_tokens"
_SWITCH = "enable_thinking"
_CONTROLS = (_SWITCH, "reasoning", "reasoning_effort", "thinking_budget")
_SESSION_CACHE = {"x-dashscope-session-cache": "enable"}
_IMAGE = "input_image"
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text", "refusal")


def list_items(body: Mapping[str, Any]) -> list[Body]:
    """Return the items of the input, of which a text is one."""
    value = body.get("input")
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return [item for item in value or () if isinstance(item, dict)]


def list_parts(body: Mapping[str, Any]) -> list[Body]:
    """Return the parts of every item: its content, and the output of a tool."""
    contents = [part for item in list_items(body) for part in (item.get("content"), item.get("output"))]
    return [part for content in contents for part in _walk(content)]


def _walk(content: object) -> Iterator[Body]:
    if isinstance(content, str):
        yield {"type": "input_text", "text": content}
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            yield part


def is_image(part: Mapping[str, Any]) -> bool:
    """Return whether a part is an image."""
    return part.get("type") == _IMAGE


def is_text(part: Mapping[str, Any]) -> bool:
    """Return whether a part is a text."""
    return part.get("type") in _TEXTS


def describe_as_chat(body: Mapping[str, Any]) -> Body:
    """Return what of a request counts for a model, in the terms of a chat request: parts, tools, thinking, the cap."""
    texts = [{"type": "text", "text": body["instructions"]}] if isinstance(body.get("instructions"), str) else []
    parts = [
        {"type": "image_url"} if is_image(part) else {"type": "text", "text": part.get("text")}
        for part in list_parts(body)
    ]
    described = {
        "messages": [{"role": "user", "content": [*texts, *parts]}],
        "max_tokens": body.get(CAP),
        "tools": body.get("tools") or None,
        "tool_choice": body.get("tool_choice") if body.get("tools") else None,
        **{name: body.get(name) for name in _CONTROLS},
    }
    return {name: value for name, value in described.items() if value is not None}


class ResponsesRequirements(ChatRequirements):
    """What a request requires of a model. Only a fact of the catalog contradicts a requirement."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(describe_as_chat(body))


def adapt_responses(
    body: Mapping[str, Any], model: Model | None, output_limit: int | None, *, session_cache: bool
) -> AdaptedRequest:
    """Return the request in the form that a target takes.

    Every call is streamed, as those of chat are.

    Args:
        body: the client's request. `max_tokens` is the cap of one that names none.
        model: the catalog's entry of the target.
        output_limit: the highest output cap in tokens that any target of this request may get.
        session_cache: whether the provider's session cache is on.

    Raises:
        RequestInvalid: the target cannot do what is asked.
    """
    adapted = {name: value for name, value in body.items() if name not in {"stream_options", "max_tokens"}}
    adapted |= {"stream": True}
    changes: dict[str, float] = {}
    if body.get("max_tokens") is not None and body.get(CAP) is None:
        adapted[CAP] = changes["max_tokens"] = body["max_tokens"]
    if model:
        if model.embedding:
            raise RequestInvalid(f"{model.id} gives embeddings, no answers: use POST /v1/embeddings.", param="model")
        adapted = _resolve_exclusion(_replace_roles(adapted, model), model)
        numbers = replace_rejected_numbers(adapted, model)
        adapted, changes = adapted | numbers, changes | numbers
    limits = [limit for limit in (output_limit, model and model.output_tokens) if limit is not None]
    if limits and isinstance(cap := adapted.get(CAP), int) and cap > min(limits):
        adapted[CAP] = changes["max_tokens"] = min(limits)
    headers = _SESSION_CACHE if session_cache else {}
    return AdaptedRequest(adapted, changes, headers, writes_cache=session_cache)


def _replace_roles(body: Body, model: Model) -> Body:
    roles = model.quirks.roles
    if not isinstance(body.get("input"), list) or not any(item.get("role") in roles for item in list_items(body)):
        return body
    return body | {"input": [_replace_role(item, roles) for item in body["input"]]}


def _replace_role(item: Any, roles: Mapping[str, str]) -> Any:
    role = item.get("role") if isinstance(item, dict) else None
    return {**item, "role": roles[role]} if isinstance(role, str) and role in roles else item


def _resolve_exclusion(body: Body, model: Model) -> Body:
    """Turn off thinking that the client did not ask for, where it would make the provider reject the request."""
    described = describe_as_chat(body)
    if not is_excluded(described, model):
        return body
    asked = parse_thinking(described)
    if asked.enabled:
        message = f"{model.id} cannot be forced to call a tool while it thinks. Leave out tool_choice or {asked.field}."
        raise RequestInvalid(message, param="tool_choice")
    thinks_by_default = model.thinking.default not in ("off", "never", "always")
    return body | {_SWITCH: False} if asked.enabled is None and thinks_by_default else body
