"""What a chat request requires of a model, and its form for that model; only this module applies the catalog's quirks.

Pure functions; the client's body is never changed in place. A model without a catalog entry gets the request unchanged.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qwen_gateway.catalog import Model
from qwen_gateway.dialect import request_body, thinking
from qwen_gateway.errors import RequestInvalid

_JSON_INSTRUCTION = "Answer in JSON."
_MODALITIES = {
    "image_url": "image",
    "image": "image",
    "video_url": "video",
    "video": "video",
    "input_audio": "audio",
}
_BYTES_PER_TOKEN = 6

type Body = dict[str, Any]


class ChatRequirements:
    """What a chat request requires of a model. Only a fact of the catalog contradicts a requirement."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    @property
    def max_tokens(self) -> int:
        """The largest output cap of the request in tokens, 0 if it has none."""
        return request_body.max_tokens(self._body)

    def are_met_by(self, model: Model | None) -> bool:
        """Return False if a fact of the catalog contradicts a requirement."""
        return model is None or not any(
            (
                model.modalities is not None and not self._modalities <= set(model.modalities),
                model.tools is False and bool(self._body.get("tools")),
                model.json_schema is False and request_body.response_format(self._body) == "json_schema",
                self._contradicts_thinking(model),
                self._exceeds_context(model),
            )
        )

    def _contradicts_thinking(self, model: Model) -> bool:
        match model.thinking.default:
            case "never":
                return self._thinking is True
            case "always":
                return self._thinking is False or thinking.is_excluded(self._body, model)
        return False

    def _exceeds_context(self, model: Model) -> bool:
        # There are never more tokens than characters, and counting tokens is slower.
        limit = model.input_tokens
        return limit is not None and self._characters > limit and self._minimum_tokens > limit

    @functools.cached_property
    def _modalities(self) -> set[str]:
        return {_MODALITIES[kind] for part in request_body.parts(self._body) if (kind := _part_type(part))}

    @functools.cached_property
    def _thinking(self) -> bool | None:
        return thinking.parse_thinking(self._body).enabled

    @functools.cached_property
    def _characters(self) -> int:
        return sum(len(text) for text in request_body.texts(self._body))

    @functools.cached_property
    def _minimum_tokens(self) -> int:
        """A lower bound of the tokens in the texts of the messages.

        One per word, because no token of Qwen's vocabulary spans two words; and one per 6 bytes of UTF-8, because
        ordinary text has fewer bytes per token in any language (English about 4.5, Chinese 4 to 5, code 3). Images,
        audio, tools and the chat template are not counted.
        """
        texts = request_body.texts(self._body)
        words = sum(len(text.split()) for text in texts)
        size = sum(len(text.encode(errors="replace")) for text in texts)
        return max(words, size // _BYTES_PER_TOKEN)


def _part_type(part: Mapping[str, Any]) -> str | None:
    kind = part.get("type")
    return kind if isinstance(kind, str) and kind in _MODALITIES else None


class AdaptedRequest(NamedTuple):
    """The body for a target, without its model's name.

    `changes` contains the numbers that the target gets in place of the client's, by field. An output cap is
    `max_tokens`, by whichever of its names the client sent it. `headers` are sent with the request; `writes_cache`:
    the provider can bill input as written to a cache although the body does not ask for it.
    """

    body: Body
    changes: Mapping[str, float] = {}
    headers: Mapping[str, str] = {}
    writes_cache: bool = False


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
    if model and model.embedding:
        raise RequestInvalid(f"{model.id} gives embeddings, no answers: use POST /v1/embeddings.", param="model")
    complete = request_body.normalize_history(request_body.remove_empty_tools(dict(body)))
    adapted = _apply_quirks(complete, model) if model else complete
    changes = replace_rejected_numbers(adapted, model) if model else {}
    limits = [limit for limit in (output_limit, model and model.output_tokens) if limit is not None]
    cap = min(limits, default=None)
    capped = adapted if cap is None else request_body.cap_max_tokens(adapted, cap)
    caps = {} if cap is None or capped is adapted else {"max_tokens": cap}
    return AdaptedRequest(_request_stream(capped | changes, stream_usage=stream_usage), {**caps, **changes})


def replace_rejected_numbers(body: Body, model: Model) -> dict[str, float]:
    """Return the nearest accepted number for each field whose number the model rejects."""
    numbers = {field: body[field] for field in model.quirks.ranges if type(body.get(field)) in (int, float)}
    nearest = {field: model.quirks.ranges[field].nearest(number) for field, number in numbers.items()}
    return {field: number for field, number in nearest.items() if number != numbers[field]}


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
