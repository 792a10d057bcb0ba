"""The chunks of a chat answer (`chat.completion.chunk`), read strictly, and the forms in which providers differ.

Null counts as missing, and so does `[]` in place of an object, as PHP writes an empty one. Each accessor raises
ProviderAnswerBroken for a part of the wrong type.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import ProviderAnswerBroken, ProviderError
from qwen_gateway.provider_failures import classify, is_error_body, parse_error_body
from qwen_gateway.upstream.operations import Event

Chunk = dict[str, Any]

DONE = b"[DONE]"
"""The last event of a complete stream."""
_MAX_DONE_BYTES = 16
_KEEP_ALIVE = re.compile(rb"\s*(?::.*|ping|heartbeat|keep[-_ ]?alive)\s*", re.IGNORECASE | re.DOTALL)
_WRONG_FORM = "a chunk of the stream is not of the protocol's form"


def is_done(data: bytes) -> bool:
    """Return whether an event is the last one of a stream; some providers put quotes or spaces around it."""
    return data == DONE or (len(data) <= _MAX_DONE_BYTES and data.strip(b' \t"').upper() == DONE)


def parse_chunk(data: bytes) -> Chunk | None:
    """Parse an event; return None if it has neither choices nor usage, like the pings of some providers.

    Raises:
        ProviderError: it is not a chunk, or it is an error of the provider.
    """
    if not data.strip() or _KEEP_ALIVE.fullmatch(data):
        return None
    try:
        chunk = strictjson.loads(data)
    except ValueError:
        raise ProviderAnswerBroken("a chunk of the stream is no JSON object") from None
    if not isinstance(chunk, dict):
        if chunk and isinstance(chunk, str | list):
            raise ProviderAnswerBroken("a chunk of the stream is no JSON object")
        return None
    if chunk.get("error") or (not chunk.get("choices") and is_error_body(chunk)):
        raise build_provider_error(chunk)
    return chunk if chunk.get("choices") or chunk.get("usage") else None


def parse_object(data: bytes) -> Chunk:
    """Parse an event that has to be a JSON object, or raise ProviderAnswerBroken."""
    try:
        document = strictjson.loads(data)
    except ValueError:
        raise ProviderAnswerBroken("an event of the stream is no JSON object") from None
    if not isinstance(document, dict):
        raise ProviderAnswerBroken("an event of the stream is no JSON object")
    return document


def encode_event(document: Mapping[str, Any]) -> Event:
    """Return an event with the JSON of a document."""
    # ASCII, because half a surrogate pair, which models do send, has no UTF-8 form.
    return Event(json.dumps(document, separators=(",", ":")).encode(), dict(document))


def build_provider_error(document: Chunk) -> ProviderError:
    """Return the error that a document without a status of its own reports."""
    body = parse_error_body(document)
    return classify(None, body)(body.message, param=body.param, code=body.code or None)


def get_choices(chunk: Chunk) -> list[Chunk]:
    """Return the choices of a chunk."""
    return as_objects(chunk.get("choices"))


def get_delta(choice: Chunk) -> Chunk:
    """Return the delta of a choice."""
    return as_object(choice.get("delta"))


def get_index(part: Chunk) -> int:
    """Return the index of a choice or of a tool call, 0 if it has none."""
    return parse_index(part.get("index")) or 0


def parse_index(index: object) -> int | None:
    """Return an index, which some providers send as text or as a float; None if it is missing."""
    if isinstance(index, float) and index.is_integer():
        return int(index)
    if isinstance(index, str) and _DIGITS.fullmatch(index):
        return int(index)
    return None if index is None else _check_type(index, int)


def as_objects(value: object) -> list[Chunk]:
    """Return a list of JSON objects."""
    if value is None:
        return []
    items: list[Chunk] = _check_type(value, list)
    for item in items:
        if not isinstance(item, dict):
            raise ProviderAnswerBroken(_WRONG_FORM)
    return items


def as_object(value: object) -> Chunk:
    """Return a JSON object."""
    return {} if value is None or value == [] else _check_type(value, dict)


def as_text(value: object) -> str:
    """Return a string."""
    return "" if value is None else _check_type(value, str)


_DIGITS = re.compile("[0-9]{1,9}")


def _check_type[Type](value: object, expected: type[Type]) -> Type:
    if not isinstance(value, expected):
        raise ProviderAnswerBroken(_WRONG_FORM)
    return value


def normalize_choice(choice: Chunk, chunk: Chunk) -> bool:
    """Bring a choice into the form of a chunk; return whether that changed it. Usage inside it becomes the chunk's.

    Raises:
        ProviderError: it contains an error.
    """
    if _is_in_form(choice):
        return False
    if choice.get("error"):
        raise build_provider_error(choice)
    is_changed = _normalize_fields(choice)
    is_changed = _rename_message(choice, chunk) or is_changed
    delta = get_delta(choice)
    is_changed = _join_parts(delta) or is_changed
    for owner in (choice, delta):
        if usage := owner.get("usage"):
            del owner["usage"]
            chunk["usage"] = chunk.get("usage") or usage
            is_changed = True
    return is_changed


def _is_in_form(choice: Chunk) -> bool:
    """Return whether there is nothing to change, as in almost every chunk."""
    reason, delta = choice.get("finish_reason"), choice.get("delta")
    return (
        type(choice.get("index")) is int
        and (reason is None or (type(reason) is str and reason in _REASONS))
        and type(delta) is dict
        and type(delta.get("content")) is not list
        and not (choice.get("error") or choice.get("usage") or delta.get("usage"))
    )


def _normalize_fields(choice: Chunk) -> bool:
    index, reason = get_index(choice), _normalize_reason(choice.get("finish_reason"))
    is_changed = choice.get("index") != index or type(choice["index"]) is not int
    choice["index"] = index
    if reason != choice.get("finish_reason"):
        choice["finish_reason"] = reason
        is_changed = True
    return is_changed


_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
_NO_REASON = frozenset({"", "null", "none", "nil", "undefined"})


def _normalize_reason(reason: object) -> object:
    """Return null for a text that means it, and OpenAI's reasons in lower case; others are the provider's own."""
    if not isinstance(reason, str) or reason in _REASONS:
        return reason or None
    text = reason.strip().lower()
    return None if text in _NO_REASON else text if text in _REASONS else reason


def _rename_message(choice: Chunk, chunk: Chunk) -> bool:
    """Give a choice a delta: the message of a whole answer, the text of a completion, or an empty one."""
    if isinstance(choice.get("delta"), dict):
        return False
    as_object(choice.get("delta"))
    message, text = choice.get("message"), choice.get("text")
    if isinstance(message, dict):
        choice["delta"] = choice.pop("message")
        is_whole = chunk.get("object") == "chat.completion" and chunk.get("usage")
        if is_whole and not choice.get("finish_reason"):
            # Its JSON was read to the end, so nothing is missing but the reason.
            choice["finish_reason"] = "tool_calls" if message.get("tool_calls") else "stop"
    else:
        choice["delta"] = {"content": choice.pop("text")} if isinstance(text, str) else {}
    chunk["object"] = "chat.completion.chunk"
    return True


def _join_parts(delta: Chunk) -> bool:
    """Turn content that is a list of parts into text. Parts with thinking become `reasoning_content`."""
    content = delta.get("content")
    if not isinstance(content, list):
        return False
    parts = as_objects(content)
    delta["content"] = "".join(as_text(part.get("text")) for part in parts)
    if thinking := "".join(_thinking(part) for part in parts):
        delta["reasoning_content"] = as_text(delta.get("reasoning_content")) + thinking
    return True


def _thinking(part: Chunk) -> str:
    """Return the thinking of a part: a text, or as Mistral sends it, a list of parts."""
    thinking = part.get("thinking")
    if isinstance(thinking, list):
        return "".join(as_text(inner.get("text")) for inner in as_objects(thinking))
    return as_text(thinking)
