"""Reading a chat request. A part that has the wrong form is skipped: the provider judges it."""

import json
from collections.abc import Mapping
from typing import Any

_MAX_TOKENS_FIELDS = ("max_tokens", "max_completion_tokens")
_TOOL_REFERENCES = {"tools": ("tool_choice", "parallel_tool_calls"), "functions": ("function_call",)}


def messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages that are objects."""
    return _objects(body.get("messages"))


def parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the content parts of every message whose content is a list."""
    return [part for message in messages(body) for part in _objects(message.get("content"))]


def texts(body: Mapping[str, Any]) -> list[str]:
    """Return every text of every message."""
    contents = [message.get("content") for message in messages(body)]
    values = [*contents, *(part.get("text") for part in parts(body))]
    return [value for value in values if isinstance(value, str)]


def tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tools that are objects."""
    return _objects(body.get("tools"))


def remove_empty_tools(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request without empty lists of tools and what refers to them; `body` itself if it has none."""
    removed: set[str] = set()
    for name, references in _TOOL_REFERENCES.items():
        if name in body and not body[name]:
            removed |= {name, *references} if body[name] == [] else set(references)
    return {name: value for name, value in body.items() if name not in removed} if removed else body


def normalize_history(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request with the arguments of its tool calls as JSON text; `body` itself if they are.

    Clients send back what they were given, and some models write nothing for a call without parameters.
    """
    if not any("tool_calls" in message for message in messages(body)):
        return body
    normalized = [_normalize_message(message) for message in body["messages"]]
    return body if normalized == body["messages"] else body | {"messages": normalized}


def _normalize_message(message: Any) -> Any:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return {**message, "tool_calls": [_normalize_call(call) for call in calls]} if isinstance(calls, list) else message


def _normalize_call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        return {**call, "function": {**function, "arguments": json.dumps(arguments, separators=(",", ":"))}}
    return {**call, "function": {**function, "arguments": "{}"}} if arguments in ("", None) else call


def forces_tool(body: Mapping[str, Any]) -> bool:
    """Return whether `tool_choice` forces a tool call."""
    choice = body.get("tool_choice")
    has_empty_tools = "tools" in body and not body["tools"]
    return (choice == "required" or isinstance(choice, Mapping)) and not has_empty_tools


def response_format(body: Mapping[str, Any]) -> str | None:
    """Return the type of `response_format`: `json_object`, `json_schema` or `text`."""
    value = body.get("response_format")
    kind = value.get("type") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else None


def max_tokens(body: Mapping[str, Any]) -> int:
    """Return the largest output cap of a request in tokens, 0 if it has none."""
    return max(caps(body).values(), default=0)


def cap_max_tokens(body: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return the request with every output cap above `limit` lowered to it; `body` itself if there is none."""
    above = {name: limit for name, cap in caps(body).items() if cap > limit}
    return body | above if above else body


def caps(body: Mapping[str, Any]) -> dict[str, int]:
    """Return the output caps of a request in tokens, by field."""
    return {name: body[name] for name in _MAX_TOKENS_FIELDS if isinstance(body.get(name), int)}


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
