"""One attempt: one target is called once, and answers or gives a named failure."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from qwen_gateway.config import NO_KEY, Configuration
from qwen_gateway.errors import Defect, DependencyFailed, GatewayError, ProviderError, ProviderKeyRefused
from qwen_gateway.routes import Target
from qwen_gateway.upstream.answering import Answering, Attempt, failed_attempt
from qwen_gateway.upstream.deadline import Clock, Deadline, Patience, Stopwatch
from qwen_gateway.upstream.progress import Progress
from qwen_gateway.upstream.transport import Transport


class Keys(Protocol):
    """Where provider keys come from."""

    def key(self, provider: str) -> str:
        """Return a provider's key."""
        ...

    def reload_refused(self, provider: str, refused: str) -> bool:
        """Read the keys again because the provider refused one; return whether there is another now."""
        ...


class Tried[Answer](NamedTuple):
    """What became of an attempt. None in place of the attempt: the provider was not called, or the call is not over.

    `has_new_key` says of a refused key that there is another one now.
    """

    attempt: Attempt | None
    result: Answer | GatewayError
    has_new_key: bool = False


type Take[Answer] = Callable[[Answering], tuple[Answer, Attempt | None]]
"""What is taken of an answer, and the attempt if that is over with it. It may raise what ends the attempt."""


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

    def call[Answer](
        self, target: Target, body: Mapping[str, Any], deadline: Deadline, take: Take[Answer]
    ) -> Tried[Answer]:
        """Ask a target once, and take of what it answers; the body asks for a stream. A failure is a value."""
        watch = Stopwatch(self._clock)
        try:
            key = self._key(target.provider)
        except DependencyFailed as error:
            return Tried(None, error)
        answering: Answering | None = None
        try:
            answering = self._open(target, key, body, deadline, watch)
            answer, attempt = take(answering)
        except Exception as error:  # noqa: BLE001 - the provider may have run, and its bill needs its attempt
            failed = answering.failed(error) if answering else failed_attempt(target, error, watch.ms())
            if isinstance(error, ProviderError):
                return Tried(failed, error, self._has_new_key(target.provider, key, error))
            return Tried(failed, Defect(error))
        return Tried(attempt, answer)

    def _key(self, provider: str) -> str:
        return self._keys.key(provider) if self._providers[provider].needs_key else NO_KEY

    def _has_new_key(self, provider: str, key: str, error: ProviderError) -> bool:
        needs_another = isinstance(error, ProviderKeyRefused) and self._providers[provider].needs_key
        return needs_another and self._keys.reload_refused(provider, key)

    def _open(
        self, target: Target, key: str, body: Mapping[str, Any], deadline: Deadline, watch: Stopwatch
    ) -> Answering:
        patience = Patience(deadline, self._timeouts, self._clock)
        stream = self._transport.open(
            self._providers[target.provider].url, key, {**body, "model": target.model}, patience
        )
        return Answering(target, stream, patience, Progress(body.get("n") or 1), watch)
