"""Adapt a chat request to its target: the one place that applies the quirks of the catalog.

Pure functions; the client's body is never changed in place. A model without a catalog entry gets the request unchanged.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import request_body, thinking

_JSON_INSTRUCTION = "Answer in JSON."

type Body = dict[str, Any]


class AdaptedRequest(NamedTuple):
    """The body for a target, without its model's name, and the output cap in tokens if it had to be lowered."""

    body: Body
    capped_max_tokens: int | None


def adapt_request(
    body: Mapping[str, Any], model: Model | None, *, output_limit: int | None = None, stream_usage: bool = True
) -> AdaptedRequest:
    """Return the request in the form that a target takes.

    Args:
        body: the client's request.
        model: the catalog's entry of the target.
        output_limit: the highest output cap in tokens that any target of this request may get.
        stream_usage: whether the provider accepts `stream_options`.

    Raises:
        RequestInvalid: the target cannot do what is asked, and leaving it out would change the answer or its price.
    """
    adapted = _apply_quirks(dict(body), model) if model else dict(body)
    limits = [limit for limit in (output_limit, model and model.output_tokens) if limit is not None]
    cap = min(limits, default=None)
    capped = adapted if cap is None else request_body.cap_max_tokens(adapted, cap)
    return AdaptedRequest(_request_stream(capped, stream_usage=stream_usage), None if capped is adapted else cap)


def _apply_quirks(body: Body, model: Model) -> Body:
    for quirk in _QUIRKS:
        body = quirk(body, model)
    return body


def _request_stream(body: Body, *, stream_usage: bool) -> Body:
    """Every call is streamed: many thinking models accept nothing else, and only a stream shows progress."""
    rest = {name: value for name, value in body.items() if name != "stream_options"}
    options = {"stream_options": {"include_usage": True}} if stream_usage else {}
    return {**rest, "stream": True, **options}


def _replace_roles(body: Body, model: Model) -> Body:
    roles = model.quirks.roles
    if not any(message.get("role") in roles for message in request_body.messages(body)):
        return body
    return body | {"messages": [_replace_role(message, roles) for message in body["messages"]]}


def _replace_role(message: Body, roles: Mapping[str, str]) -> Any:
    return message | {"role": roles[message["role"]]} if message.get("role") in roles else message


def _drop_fields(body: Body, model: Model) -> Body:
    return {name: value for name, value in body.items() if name not in model.quirks.drops}


def _add_json_instruction(body: Body, model: Model) -> Body:
    """Add it to the system message, because some models' templates reject a second one."""
    if not model.quirks.json_word or request_body.response_format(body) != "json_object":
        return body
    if any("json" in text.lower() for text in request_body.texts(body)):
        return body
    first, *rest = body["messages"]
    if first.get("role") != "system":
        return body | {"messages": [{"role": "system", "content": _JSON_INSTRUCTION}, first, *rest]}
    return body | {"messages": [first | {"content": _append_instruction(first.get("content"))}, *rest]}


def _append_instruction(content: Any) -> Any:
    if isinstance(content, list):
        return [*content, {"type": "text", "text": _JSON_INSTRUCTION}]
    return f"{content}\n\n{_JSON_INSTRUCTION}" if content else _JSON_INSTRUCTION


_QUIRKS: tuple[Callable[[Body, Model], Body], ...] = (
    _replace_roles,
    _drop_fields,
    _add_json_instruction,
    thinking.adapt_thinking,
)
