"""One attempt: one call to one target, which gives an answer or a named error."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from qwen_gateway.config import NO_KEY, Configuration
from qwen_gateway.errors import DependencyFailed, GatewayError, InternalError, ProviderError, ProviderKeyRefused
from qwen_gateway.routing import Target
from qwen_gateway.upstream.chunks import AnswerProgress
from qwen_gateway.upstream.outcome import Attempt, failed_attempt
from qwen_gateway.upstream.provider_stream import ProviderStream
from qwen_gateway.upstream.timeouts import AttemptTimeouts, Clock, Deadline, Stopwatch
from qwen_gateway.upstream.transport import Transport


class ProviderKeys(Protocol):
    """The source of the providers' API keys."""

    def key(self, provider: str) -> str:
        """Return the key of a provider."""
        ...

    def reload_refused(self, provider: str, refused: str) -> bool:
        """Reload the keys, because the provider rejected one; return whether there is another key now."""
        ...


class AttemptResult[Answer](NamedTuple):
    """The result of an attempt.

    `attempt` is None if the provider was not called, or if the call is still running. `has_new_key` means that there
    is another key now than the one that the provider rejected.
    """

    attempt: Attempt | None
    result: Answer | GatewayError
    has_new_key: bool = False


type ReadAnswer[Answer] = Callable[[ProviderStream], tuple[Answer, Attempt | None]]
"""Reads an answer, wholly or in part; returns the attempt too if it is over. It may raise what ends the attempt."""


class ProviderCaller:
    """Calls providers, each with its key."""

    def __init__(
        self, configuration: Configuration, keys: ProviderKeys, transport: Transport, clock: Clock = time.monotonic
    ) -> None:
        self._providers = configuration.providers
        self._timeouts = configuration.timeouts
        self._keys = keys
        self._transport = transport
        self._clock = clock

    def call[Answer](
        self, target: Target, body: Mapping[str, Any], deadline: Deadline, read: ReadAnswer[Answer]
    ) -> AttemptResult[Answer]:
        """Call a target once with a body that asks for a stream, and read its answer. Errors are returned."""
        stopwatch = Stopwatch(self._clock)
        try:
            key = self._key(target.provider)
        except DependencyFailed as error:
            return AttemptResult(None, error)
        stream: ProviderStream | None = None
        try:
            stream = self._open(target, key, body, deadline, stopwatch)
            answer, attempt = read(stream)
        except Exception as error:  # noqa: BLE001 - the provider may bill the call, so it needs its attempt
            failed = stream.abort(error) if stream else failed_attempt(target, error, stopwatch.ms())
            if isinstance(error, ProviderError):
                return AttemptResult(failed, error, self._has_new_key(target.provider, key, error))
            return AttemptResult(failed, InternalError(error))
        return AttemptResult(attempt, answer)

    def _key(self, provider: str) -> str:
        return self._keys.key(provider) if self._providers[provider].needs_key else NO_KEY

    def _has_new_key(self, provider: str, key: str, error: ProviderError) -> bool:
        can_reload = isinstance(error, ProviderKeyRefused) and self._providers[provider].needs_key
        return can_reload and self._keys.reload_refused(provider, key)

    def _open(
        self, target: Target, key: str, body: Mapping[str, Any], deadline: Deadline, stopwatch: Stopwatch
    ) -> ProviderStream:
        timeouts = AttemptTimeouts(deadline, self._timeouts, self._clock)
        stream = self._transport.open(
            self._providers[target.provider].url, key, {**body, "model": target.model}, timeouts
        )
        return ProviderStream(target, stream, timeouts, AnswerProgress(body.get("n") or 1), stopwatch)
