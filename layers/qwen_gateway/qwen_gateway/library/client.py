"""`QwenClient`: the gateway's way to Qwen for programs of your own."""

import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qwen_gateway import config
from qwen_gateway.config import Configuration
from qwen_gateway.environment_keys import EnvironmentKeys, key_of, variable
from qwen_gateway.errors import GatewayError, ModelUnknown, ProviderKeyRefused
from qwen_gateway.library.answer import Answer, Result, answer
from qwen_gateway.library.batch import Batch
from qwen_gateway.library.closing import Closing
from qwen_gateway.library.pace import Pace
from qwen_gateway.library.prompts import Prompt, request
from qwen_gateway.library.stream import AnswerStream
from qwen_gateway.routing import Routes, Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, Transport, Upstream
from qwen_gateway.upstream.connections import MAX_CONNECTIONS
from qwen_gateway.upstream.timeouts import Stopwatch

DEFAULT_MODEL = "qwen-plus"

_OWN_SERVER = "local"
_TIMEOUT = 300.0


class QwenClient(Closing):
    """Calls Qwen with the gateway's configuration, retries, fallback and errors, but without Lambda and AWS.

    One client keeps its connections, and may be shared between threads. The configuration is gateway.toml with the
    environment variable GATEWAY_CONFIG merged over it. Keys come from `api_key` or the environment: DASHSCOPE_API_KEY,
    HOLYSHEEP_API_KEY, and QWEN_GATEWAY_PROVIDER_KEY for any other provider.

    Args:
        provider: a provider of the configuration by its name; left out, the configuration's default provider.
        base_url: where that provider's API stands instead; without `provider` an OpenAI-compatible server of your own,
            which needs no key, and gets every model name that is no route as it is.
        api_key: the key of that provider.
        configuration: what is merged over the configuration, for example `{"retries": {"attempts": 2}}`.
        timeout: seconds for a call as a whole: every attempt and every wait between them.

    Raises:
        ConfigurationError: the configuration is wrong; the message names the key.
        ProviderNotConfigured: there is no key; the message names the variable.
    """

    def __init__(
        self,
        provider: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        configuration: Mapping[str, Any] | None = None,
        timeout: float = _TIMEOUT,
    ) -> None:
        self._configuration = _configured(provider, base_url, api_key, configuration or {})
        default = self._configuration.default_provider
        keys = EnvironmentKeys({default: api_key or ""})
        if self._configuration.providers[default].needs_key:
            keys.key(default)
        self._routes = Routes(self._configuration)
        self._transport = Transport()
        self._upstream = Upstream(self._configuration, keys, self._transport)
        self._timeout = timeout
        self._batches: weakref.WeakSet[Batch] = weakref.WeakSet()

    def chat(
        self, prompt: Prompt, model: str = DEFAULT_MODEL, *, timeout: float | None = None, **parameters: Any
    ) -> Answer:
        """Return the answer to a prompt: a text, a list of messages, or a whole request object.

        Args:
            prompt: what is asked. The fields of a request object go before `model` and `parameters`.
            model: a route's name, as `models` lists them.
            timeout: seconds for this call as a whole; left out, the client's.
            parameters: fields of the request, OpenAI's or Qwen's own: `temperature=0.2`, `enable_thinking=True`.

        Raises:
            RequestRefused: the request is wrong; no provider was called.
            ProviderError: no provider of the route answered; the first target's failure.
        """
        result, _ = self._ask(prompt, model, timeout, parameters)
        if isinstance(result, GatewayError):
            raise result from getattr(result, "cause", None)
        return result

    def stream(
        self, prompt: Prompt, model: str = DEFAULT_MODEL, *, timeout: float | None = None, **parameters: Any
    ) -> AnswerStream:
        """Return the answer to a prompt as its deltas, as soon as the first output has arrived.

        Args:
            prompt: what is asked, as for `chat`.
            model: a route's name, as `models` lists them.
            timeout: seconds for this call as a whole; left out, the client's.
            parameters: as for `chat`.

        Raises:
            RequestRefused: the request is wrong; no provider was called.
            ProviderError: no provider of the route answered; the first target's failure.
        """
        watch = Stopwatch()
        chat = request(prompt, model, parameters)
        outcome = self._upstream.stream(chat.model, self._targets(chat.model), chat.body, self._deadline(timeout))
        if isinstance(outcome.result, GatewayError):
            error = _own_words(outcome.result, outcome.attempts)
            raise error from getattr(error, "cause", None)
        return AnswerStream(outcome.result, watch)

    def batch(
        self,
        prompts: Iterable[Prompt],
        model: str = DEFAULT_MODEL,
        *,
        max_concurrency: int = 5,
        requests_per_minute: float | None = None,
        timeout: float | None = None,
        **parameters: Any,
    ) -> Batch:
        """Begin to answer many prompts, and return their results while they arrive: in order, failures as values.

        Args:
            prompts: each as for `chat`.
            model: for prompts that name none, as `parameters`.
            max_concurrency: calls that may run at once, 1 to 50.
            requests_per_minute: calls of providers that may start in a minute, evenly spaced; repeated ones count.
            timeout: seconds for each call as a whole; left out, the client's.
            parameters: as for `chat`.

        Raises:
            ValueError: a limit is outside of its range.
            TypeError: `prompts` is a single one.
        """
        if isinstance(prompts, str | Mapping):
            raise TypeError("prompts has to be a list of prompts; for one there is chat")
        if not 1 <= max_concurrency <= MAX_CONNECTIONS:
            raise ValueError(f"max_concurrency has to be 1 to {MAX_CONNECTIONS}")
        if requests_per_minute is not None and not requests_per_minute > 0:
            raise ValueError("requests_per_minute has to be above 0")
        pace = Pace(requests_per_minute)

        def ask(prompt: Prompt) -> Result:
            result, calls = self._ask(prompt, model, timeout, parameters)
            pace.made(calls)
            return result

        batch = Batch(prompts, ask, max_concurrency, pace)
        self._batches.add(batch)
        return batch

    def models(self) -> list[str]:
        """Return every model name that the configuration has a route for, aliases first."""
        return list(self._routes.all())

    def request(self, prompt: Prompt, model: str = DEFAULT_MODEL, **parameters: Any) -> dict[str, Any]:
        """Return the request that `chat` would make, before it is put into a target's words, without sending it.

        Raises:
            RequestRefused: `chat` would refuse it.
        """
        chat = request(prompt, model, parameters)
        self._targets(chat.model)
        return chat.body

    def close(self) -> None:
        """Start no more calls of batches, and close the connections: results that are still to come are lost."""
        for batch in list(self._batches):
            batch.close()
        self._transport.close()

    def _ask(
        self, prompt: Prompt, model: str, timeout: float | None, parameters: Mapping[str, Any]
    ) -> tuple[Result, int]:
        """Return the answer or the failure, and how many calls of providers it took."""
        watch = Stopwatch()
        try:
            chat = request(prompt, model, parameters)
            targets = self._targets(chat.model)
        except GatewayError as refusal:
            return refusal, 0
        outcome = self._upstream.complete(chat.model, targets, chat.body, self._deadline(timeout))
        return _result(outcome, watch), len(outcome.attempts)

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout if timeout is None else timeout)

    def _targets(self, model: str) -> tuple[Target, ...]:
        default = self._configuration.default_provider
        try:
            return self._routes.targets(model)
        except ModelUnknown:
            if self._configuration.providers[default].catalog:
                raise
            return (Target(default, model),)


def _configured(
    provider: str | None, base_url: str | None, api_key: str | None, overrides: Mapping[str, Any]
) -> Configuration:
    name = provider or (_OWN_SERVER if base_url else None)
    chosen: dict[str, Any] = {"default_provider": name} if name else {}
    if base_url:
        chosen["providers"] = {name: {"base_url": base_url}}
        if not provider:
            chosen["providers"][name]["needs_key"] = bool(api_key or key_of(_OWN_SERVER))
    return config.parse(os.environ.get("GATEWAY_CONFIG", ""), overrides, chosen)


def _result(outcome: Outcome[dict[str, Any]], watch: Stopwatch) -> Result:
    if isinstance(outcome.result, GatewayError):
        return _own_words(outcome.result, outcome.attempts)
    return answer(outcome.result, outcome.attempts, watch.ms())


def _own_words(error: GatewayError, attempts: Sequence[Attempt]) -> GatewayError:
    """Say where the library's keys come from: the gateway's own advice is to store one in its secret."""
    if not isinstance(error, ProviderKeyRefused):
        return error
    provider = next(each.target.provider for each in attempts if each.cause == type(error).__name__)
    message = f"{provider} refuses the key. Set another in {variable(provider)}, or give it as api_key."
    return ProviderKeyRefused(message, status=error.status, code=error.code, request_id=error.request_id)
