"""A chunk of a streamed answer (`chat.completion.chunk`), read with care.

Null counts as empty, as what is left out does. Each function raises ProviderAnswerBroken for a part that is not of the
kind that the protocol has there.
"""

from typing import Any

from qwen_gateway import strictjson
from qwen_gateway.errors import ProviderAnswerBroken
from qwen_gateway.upstream import failures

Chunk = dict[str, Any]

_WRONG_FORM = "a chunk of the stream is not of the protocol's form"


def chunk_of(data: bytes) -> Chunk:
    """Read an event's data.

    Raises:
        ProviderError: it is no chunk, or it is the provider's error.
    """
    try:
        chunk = strictjson.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise ProviderAnswerBroken("a chunk of the stream is no JSON object")
    if chunk.get("error"):
        words = failures.said(chunk)
        raise failures.cause(None, words)(words.message, param=words.param, code=words.code or None)
    return chunk


def choices_of(chunk: Chunk) -> list[Chunk]:
    """Return the choices that a chunk adds to."""
    return objects(chunk.get("choices"))


def delta_of(choice: Chunk) -> Chunk:
    """Return what a chunk adds to a choice."""
    return object_of(choice.get("delta"))


def index_of(part: Chunk) -> int:
    """Return the place of a choice among the choices, or of a tool call among the calls."""
    index = part.get("index")
    return 0 if index is None else _of_kind(index, int)


def objects(value: object) -> list[Chunk]:
    """Return a list of JSON objects."""
    if value is None:
        return []
    found: list[Chunk] = _of_kind(value, list)
    for each in found:
        if not isinstance(each, dict):
            raise ProviderAnswerBroken(_WRONG_FORM)
    return found


def object_of(value: object) -> Chunk:
    """Return a JSON object."""
    return {} if value is None else _of_kind(value, dict)


def text_of(value: object) -> str:
    """Return a text."""
    return "" if value is None else _of_kind(value, str)


def _of_kind[Kind](value: object, kind: type[Kind]) -> Kind:
    if not isinstance(value, kind):
        raise ProviderAnswerBroken(_WRONG_FORM)
    return value
