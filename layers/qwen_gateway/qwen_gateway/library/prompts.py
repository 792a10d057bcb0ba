"""From what a caller calls a prompt to a chat request."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.errors import RequestInvalid

type Prompt = str | Sequence[Mapping[str, Any]] | Mapping[str, Any]
"""A user's words, a list of messages, or a whole request object."""


def request(prompt: Prompt, model: str, parameters: Mapping[str, Any]) -> ChatRequest:
    """Return the checked request; what a whole request object says itself goes before `model` and `parameters`.

    Raises:
        RequestInvalid: it is no request, or a field that the gateway uses has the wrong form.
    """
    chat = ChatRequest.validate(_copied({"model": model, **parameters, **_fields(prompt)}))
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


def _copied(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request as it will arrive, which later changes by the caller do not reach."""
    try:
        text = json.dumps(body, ensure_ascii=False)
        text.encode()
        copy: dict[str, Any] = strictjson.loads(text)
    except UnicodeEncodeError:
        raise RequestInvalid(
            "The request holds half a surrogate pair (\\ud800 to \\udfff), which is no text."
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestInvalid(f"The request cannot be written as JSON: {error}.") from None
    return copy
