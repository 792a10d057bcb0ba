"""An answer that comes while it is made."""

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from qwen_gateway.errors import GatewayError
from qwen_gateway.library.closing import Closing
from qwen_gateway.upstream import Attempt, Relay
from qwen_gateway.upstream.timeouts import Stopwatch


class Delta(NamedTuple):
    """What one chunk adds to one choice.

    Attributes:
        content: a piece of the answer's text, often empty.
        reasoning: a piece of the model's thoughts, often empty.
        tool_calls: pieces of tool calls, as OpenAI's `delta.tool_calls`.
        finish_reason: why the choice ended, with its last delta.
        choice: which of the choices, from 0.
        chunk: all of it, as OpenAI's `chat.completion.chunk`.
    """

    content: str
    reasoning: str
    tool_calls: list[dict[str, Any]]
    finish_reason: str | None
    choice: int
    chunk: dict[str, Any]


class AnswerStream(Closing):
    """The deltas of an answer of which the first output has arrived; read them once, and close it or read to the end.

    Iterating raises ProviderError when the answer fails on its way. Closing it early closes the connection; the
    provider may bill the rest all the same.

    Attributes:
        model: the model that answers, as its provider calls it.
        provider: the provider that answers, by its name in the configuration.
        first_token_ms: milliseconds from the call to the first output.
        usage: the tokens that the provider counted; None before the end, and when it reports none.
        latency_ms: milliseconds of the whole call; None before the end.
        attempts: every call of a provider that was made; empty before the end.
    """

    def __init__(self, relay: Relay, watch: Stopwatch) -> None:
        self.model = relay.target.model
        self.provider = relay.target.provider
        self.first_token_ms = watch.ms()
        self.usage: dict[str, Any] | None = None
        self.latency_ms: int | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self._relay = relay
        self._watch = watch
        self._deltas = self._read()

    def __iter__(self) -> Iterator[Delta]:
        return self._deltas

    def close(self) -> None:
        """End it here."""
        self._deltas.close()
        self._end()

    def _read(self) -> Generator[Delta]:
        try:
            for batch in self._relay.events():
                for event in batch:
                    yield from _deltas(event.chunk)
        finally:
            self._end()

    def _end(self) -> None:
        if self.latency_ms is None:
            outcome = self._relay.end()
            self.latency_ms, self.attempts = self._watch.ms(), outcome.attempts
            self.usage = None if isinstance(outcome.result, GatewayError) else outcome.result.get("usage")


def _deltas(chunk: dict[str, Any]) -> Iterator[Delta]:
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or {}
        yield Delta(
            content=delta.get("content") or "",
            reasoning=delta.get("reasoning_content") or "",
            tool_calls=delta.get("tool_calls") or [],
            finish_reason=choice.get("finish_reason"),
            choice=choice.get("index") or 0,
            chunk=chunk,
        )
