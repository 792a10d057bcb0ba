"""A client's request as its target takes it: the one place that applies what the catalog knows of a model's quirks.

Pure, and nothing of the client's own body is changed in place. A model that no catalog knows gets the request as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qwen_gateway.catalog import Model
from qwen_gateway.upstream import conversation, output_cap, thinking

_JSON_WORDS = "Answer in JSON."

Body = dict[str, Any]


class Translated(NamedTuple):
    """What a target is asked, and the output cap when it had to be lowered."""

    body: Body
    lowered_cap: int | None


def translated(
    body: Mapping[str, Any], model: Model | None, *, most: int | None = None, stream_usage: bool = True
) -> Translated:
    """Return what a target is asked; its model's name is put in by whoever sends it.

    Args:
        body: as the client sent it.
        model: what the catalog knows of the target.
        most: the output cap, in tokens, that no target of this request may get more than.
        stream_usage: whether the provider takes `stream_options` and tells the usage of streams.

    Raises:
        RequestInvalid: the target cannot do what is asked, and without it the answer or its price would be another.
    """
    asked = _in_its_words(dict(body), model) if model else dict(body)
    cap = min((limit for limit in (most, model and model.output_tokens) if limit is not None), default=None)
    capped = asked if cap is None else output_cap.lowered(asked, cap)
    return Translated(_streamed(capped, stream_usage=stream_usage), None if capped is asked else cap)


def _in_its_words(body: Body, model: Model) -> Body:
    for quirk in _QUIRKS:
        body = quirk(body, model)
    return body


def _streamed(body: Body, *, stream_usage: bool) -> Body:
    """Every call is streamed: many thinking models take nothing else, and only a stream shows progress."""
    rest = {name: value for name, value in body.items() if name != "stream_options"}
    options = {"stream_options": {"include_usage": True}} if stream_usage else {}
    return {**rest, "stream": True, **options}


def _roles_that_it_knows(body: Body, model: Model) -> Body:
    roles = model.quirks.roles
    if not any(message.get("role") in roles for message in conversation.messages(body)):
        return body
    return body | {"messages": [_with_role(message, roles) for message in body["messages"]]}


def _with_role(message: Body, roles: Mapping[str, str]) -> Any:
    return message | {"role": roles[message["role"]]} if message.get("role") in roles else message


def _without_unknown_fields(body: Body, model: Model) -> Body:
    return {name: value for name, value in body.items() if name not in model.quirks.drops}


def _with_the_word_json(body: Body, model: Model) -> Body:
    """Say "JSON" in the system message, for a second one is refused by some models' templates."""
    if not model.quirks.json_word or conversation.format_asked(body) != "json_object":
        return body
    if any("json" in text.lower() for text in conversation.texts(body)):
        return body
    first, *rest = body["messages"]
    if first.get("role") != "system":
        return body | {"messages": [{"role": "system", "content": _JSON_WORDS}, first, *rest]}
    return body | {"messages": [first | {"content": _with_words(first.get("content"))}, *rest]}


def _with_words(content: Any) -> Any:
    if isinstance(content, list):
        return [*content, {"type": "text", "text": _JSON_WORDS}]
    return f"{content}\n\n{_JSON_WORDS}" if content else _JSON_WORDS


_QUIRKS: tuple[Callable[[Body, Model], Body], ...] = (
    _roles_that_it_knows,
    _without_unknown_fields,
    _with_the_word_json,
    thinking.translated,
)
