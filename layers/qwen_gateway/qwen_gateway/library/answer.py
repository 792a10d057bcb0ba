"""The return values of the library's calls: a complete answer, or a stream of deltas."""

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from qwen_gateway.errors import GatewayError
from qwen_gateway.pricing import Cost, Unpriced
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Attempt, Outcome, Relay
from qwen_gateway.upstream.timeouts import Stopwatch
from qwen_gateway.usage import Usage, sum_usage


class Answer(NamedTuple):
    """A complete answer.

    Attributes:
        content: the text of the first choice; empty when the model only called tools.
        usage: the provider's token counts, None when it reports none.
        cost: what the answer costs, None when it is not known.
        latency_ms: milliseconds of the whole call, with all attempts and the waits between them.
        model: the model that answered, by the provider's name for it.
        provider: the provider that answered, by its name in the configuration.
        attempts: all upstream calls in order; the last one succeeded.
        whole: the answer as OpenAI's `chat.completion`: all choices, tool calls, reasoning.
    """

    content: str
    usage: Usage | None
    cost: Cost | None
    latency_ms: int
    model: str
    provider: str
    attempts: tuple[Attempt, ...]
    whole: dict[str, Any]

    @classmethod
    def of(cls, completion: dict[str, Any], outcome: Outcome[Any], cost: Cost | Unpriced, latency_ms: int) -> "Answer":
        """Build an answer from a `chat.completion` and the outcome that contains it."""
        target = outcome.attempts[-1].target
        return cls(
            content=completion["choices"][0]["message"]["content"] or "",
            usage=outcome.usage,
            cost=cost if isinstance(cost, Cost) else None,
            latency_ms=latency_ms,
            model=target.model,
            provider=target.provider,
            attempts=outcome.attempts,
            whole=completion,
        )


class EmbeddingsAnswer(NamedTuple):
    """The embeddings of some texts.

    Attributes:
        vectors: one for each text, in order.
        usage: the provider's token counts, None when it reports none.
        cost: what the answer costs, None when it is not known.
        latency_ms: milliseconds of the whole call.
        model: the model that answered, by the provider's name for it.
        provider: the provider that answered the last texts, by its name in the configuration.
        attempts: all upstream calls.
    """

    vectors: list[list[float]]
    usage: Usage | None
    cost: Cost | None
    latency_ms: int
    model: str
    provider: str
    attempts: tuple[Attempt, ...]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome[Any]], cost: Cost | None, latency_ms: int) -> "EmbeddingsAnswer":
        """Build an answer from the outcomes of all calls."""
        attempts = tuple(attempt for outcome in outcomes for attempt in outcome.attempts)
        answers = [outcome.result for outcome in outcomes if not isinstance(outcome.result, GatewayError)]
        return cls(
            vectors=[json.loads(row) for answer in answers for row in answer["rows"]],
            usage=sum_usage([outcome.usage for outcome in outcomes if outcome.usage]),
            cost=cost,
            latency_ms=latency_ms,
            model=attempts[-1].target.model,
            provider=attempts[-1].target.provider,
            attempts=attempts,
        )


type Result = Answer | GatewayError
"""An answer, or the error that replaces it."""


class Delta(NamedTuple):
    """What one chunk adds to one choice.

    Attributes:
        content: a part of the text, often empty.
        reasoning: a part of the reasoning, often empty.
        tool_calls: parts of tool calls, as OpenAI's `delta.tool_calls`.
        finish_reason: why the choice ended, set in its last delta.
        choice: the index of the choice, from 0.
        chunk: the whole chunk, as OpenAI's `chat.completion.chunk`.
    """

    content: str
    reasoning: str
    tool_calls: list[dict[str, Any]]
    finish_reason: str | None
    choice: int
    chunk: dict[str, Any]


class AnswerStream(AbstractContextManager["AnswerStream", None]):
    """An iterator over the deltas of an answer whose first output has arrived. Read it to the end or close it.

    Iterating raises ProviderError when the answer fails. Closing early closes the connection; the provider may still
    bill the rest of the answer.

    Attributes:
        model: the model that answers, by the provider's name for it.
        provider: the provider that answers, by its name in the configuration.
        first_token_ms: milliseconds from the call to the first output.
        usage: the provider's token counts; None before the end, and when it reports none.
        cost: what the answer costs; None before the end, and when it is not known.
        latency_ms: milliseconds of the whole call; None before the end.
        attempts: all upstream calls; empty before the end.
    """

    def __init__(
        self, relay: Relay, watch: Stopwatch, price: Callable[[Target, Usage | None], Cost | Unpriced]
    ) -> None:
        self.model = relay.target.model
        self.provider = relay.target.provider
        self.first_token_ms = watch.ms()
        self.usage: Usage | None = None
        self.cost: Cost | None = None
        self.latency_ms: int | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self._relay = relay
        self._watch = watch
        self._price = price
        self._deltas = self._read()

    def __iter__(self) -> Iterator[Delta]:
        return self._deltas

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and set the attributes that are known at the end."""
        self._deltas.close()
        self._end()

    def _read(self) -> Generator[Delta]:
        try:
            for batch in self._relay.events():
                for event in batch:
                    yield from _parse_deltas(event.chunk)
        finally:
            self._end()

    def _end(self) -> None:
        if self.latency_ms is None:
            outcome = self._relay.end()
            self.latency_ms, self.attempts, self.usage = self._watch.ms(), outcome.attempts, outcome.usage
            cost = self._price(self._relay.target, outcome.usage)
            self.cost = cost if isinstance(cost, Cost) else None


def _parse_deltas(chunk: dict[str, Any]) -> Iterator[Delta]:
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
