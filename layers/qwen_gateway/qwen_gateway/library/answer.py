"""What a call of the library gives."""

from typing import Any, NamedTuple

from qwen_gateway.errors import GatewayError
from qwen_gateway.upstream import Attempt


class Answer(NamedTuple):
    """A whole answer, and how it came about.

    Attributes:
        content: the text of the first choice; empty when the model only called tools.
        usage: the tokens that the provider counted, None when it reports none.
        latency_ms: milliseconds of the whole call, with every attempt and every wait between them.
        model: the model that answered, as its provider calls it.
        provider: the provider that answered, by its name in the configuration.
        attempts: every call of a provider that was made, the one that succeeded last.
        whole: the answer as OpenAI's `chat.completion`: all choices, tool calls, reasoning.
    """

    content: str
    usage: dict[str, Any] | None
    latency_ms: int
    model: str
    provider: str
    attempts: tuple[Attempt, ...]
    whole: dict[str, Any]


type Result = Answer | GatewayError
"""An answer or the failure in its place."""


def answer(whole: dict[str, Any], attempts: tuple[Attempt, ...], latency_ms: int) -> Answer:
    """Return what a caller reads of a `chat.completion`."""
    last = attempts[-1].target
    return Answer(
        content=whole["choices"][0]["message"]["content"] or "",
        usage=whole.get("usage"),
        latency_ms=latency_ms,
        model=last.model,
        provider=last.provider,
        attempts=attempts,
        whole=whole,
    )
