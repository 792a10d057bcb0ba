"""One attempt: one target is called once, and gives a whole answer or a named failure."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from qwen_gateway import strictjson
from qwen_gateway.config import NO_KEY, Configuration
from qwen_gateway.errors import (
    Defect,
    DependencyFailed,
    GatewayError,
    ProviderAnswerBroken,
    ProviderError,
    ProviderKeyRefused,
)
from qwen_gateway.routes import Target
from qwen_gateway.upstream import failures
from qwen_gateway.upstream.aggregate import Aggregate
from qwen_gateway.upstream.deadline import Clock, Deadline, Patience
from qwen_gateway.upstream.sse import EventTooLarge, events
from qwen_gateway.upstream.transport import Transport


class Keys(Protocol):
    """Where provider keys come from."""

    def key(self, provider: str) -> str:
        """Return a provider's key."""
        ...

    def reload_refused(self, provider: str, refused: str) -> bool:
        """Read the keys again because the provider refused one; return whether there is another now."""
        ...


class Attempt(NamedTuple):
    """One call to a provider.

    `cause` is the class of its failure or empty, `status` the provider's HTTP status, `charged` says whether
    the provider bills it: `billed`, `presumed` (it may have run) or `none`.
    """

    target: Target
    cause: str
    status: int | None
    request_id: str | None
    latency_ms: int
    first_token_ms: int | None
    charged: str


class Tried(NamedTuple):
    """What became of an attempt. None in place of the attempt: the provider was not called.

    `has_new_key` says of a refused key that there is another one now.
    """

    attempt: Attempt | None
    result: dict[str, Any] | GatewayError
    has_new_key: bool = False


class _Answered(NamedTuple):
    answer: dict[str, Any]
    request_id: str | None
    first_token_ms: int | None


class Caller:
    """Calls providers, each with its key."""

    def __init__(
        self, configuration: Configuration, keys: Keys, transport: Transport, clock: Clock = time.monotonic
    ) -> None:
        self._providers = configuration.providers
        self._timeouts = configuration.timeouts
        self._keys = keys
        self._transport = transport
        self._clock = clock

    def call(self, target: Target, body: Mapping[str, Any], deadline: Deadline) -> Tried:
        """Ask a target once for a whole answer; the body asks for a stream. A failure is a value, never raised."""
        started = self._clock()
        try:
            key = self._key(target.provider)
        except DependencyFailed as error:
            return Tried(None, error)
        try:
            answered = self._ask(target, key, body, deadline, started)
        except ProviderError as error:
            return Tried(self._failed(target, error, started), error, self._has_new_key(target.provider, key, error))
        except Exception as unforeseen:  # noqa: BLE001 - the provider may have run, and its bill needs its attempt
            cause = type(unforeseen).__name__
            attempt = Attempt(target, cause, None, None, self._since(started), None, charged="presumed")
            return Tried(attempt, Defect(unforeseen))
        attempt = Attempt(
            target, "", 200, answered.request_id, self._since(started), answered.first_token_ms, charged="billed"
        )
        return Tried(attempt, answered.answer)

    def _key(self, provider: str) -> str:
        return self._keys.key(provider) if self._providers[provider].needs_key else NO_KEY

    def _has_new_key(self, provider: str, key: str, error: ProviderError) -> bool:
        needs_another = isinstance(error, ProviderKeyRefused) and self._providers[provider].needs_key
        return needs_another and self._keys.reload_refused(provider, key)

    def _ask(self, target: Target, key: str, body: Mapping[str, Any], deadline: Deadline, started: float) -> _Answered:
        patience = Patience(deadline, self._timeouts, self._clock)
        asked = {**body, "model": target.model}
        aggregate = Aggregate()
        first_token_ms: int | None = None
        with self._transport.chat(self._providers[target.provider].url, key, asked, patience) as stream:
            for chunk in _chunks(stream.pieces()):
                if aggregate.add(chunk):
                    patience.progress()
                    first_token_ms = self._since(started) if first_token_ms is None else first_token_ms
            if not aggregate.finished:
                raise ProviderAnswerBroken("the answer ended without a finish_reason")
            return _Answered(aggregate.whole(), stream.request_id, first_token_ms)

    def _failed(self, target: Target, error: ProviderError, started: float) -> Attempt:
        charged = "presumed" if error.may_have_run else "none"
        return Attempt(
            target, type(error).__name__, error.status, error.request_id, self._since(started), None, charged
        )

    def _since(self, started: float) -> int:
        return round((self._clock() - started) * 1000)


def _chunks(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    try:
        for data in events(pieces):
            if data == b"[DONE]":
                return
            yield _chunk(data)
    except EventTooLarge:
        raise ProviderAnswerBroken("an event of the stream has no end") from None


def _chunk(data: bytes) -> dict[str, Any]:
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
