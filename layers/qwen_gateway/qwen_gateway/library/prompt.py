"""Prompts of the library and how they become chat requests."""

from collections.abc import Mapping, Sequence
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.errors import RequestInvalid

type Prompt = str | Sequence[Mapping[str, Any]] | Mapping[str, Any]
"""The text of a user message, a list of messages, or a complete request object."""


def build_request(prompt: Prompt, model: str, parameters: Mapping[str, Any]) -> ChatRequest:
    """Return the validated request. Fields of a request object take precedence over `model` and `parameters`.

    Raises:
        RequestInvalid: the prompt has a wrong type, or a field that the gateway uses is invalid.
    """
    chat = ChatRequest.validate(_copy({"model": model, **parameters, **_fields(prompt)}))
    if chat.streams:
        raise RequestInvalid(
            "This gives whole answers. For one that comes while it is made, call stream.", param="stream"
        )
    return chat


def _fields(prompt: Prompt) -> Mapping[str, Any]:
    match prompt:
        case str():
            return {"messages": [{"role": "user", "content": prompt}]}
        case Mapping():
            return prompt
        case Sequence():
            return {"messages": prompt}
        case _:
            raise RequestInvalid("A prompt is a text, a list of messages or a request object.")


def _copy(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that equals the request after JSON serialization and is safe from later changes by the caller."""
    try:
        copy: dict[str, Any] = strictjson.loads(strictjson.dumps(body))
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestInvalid(f"The request cannot be written as JSON: {error}.") from None
    return copy
