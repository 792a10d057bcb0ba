"""`QwenClient`: calls Qwen from programs outside of Lambda."""

import os
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from qwen_gateway import config
from qwen_gateway.api.chat_request import ChatRequest
from qwen_gateway.api.embeddings_request import EmbeddingsRequest
from qwen_gateway.config import Configuration
from qwen_gateway.errors import GatewayError, ModelUnknown, ProviderKeyRefused
from qwen_gateway.library.answer import Answer, AnswerStream, EmbeddingsAnswer, Result
from qwen_gateway.library.batch import Batch, RateLimiter
from qwen_gateway.library.prompt import Prompt, build_request
from qwen_gateway.pricing import Cost, Prices, Unpriced, count_searches, sum_costs
from qwen_gateway.provider_keys.environment import EnvironmentKeys, get_variable, read_key
from qwen_gateway.routing import Routes, Target
from qwen_gateway.upstream import Attempt, Deadline, Outcome, RoutedRequest, Transport, Upstream
from qwen_gateway.upstream.connections import MAX_CONNECTIONS
from qwen_gateway.upstream.operations.chat import CHAT
from qwen_gateway.upstream.operations.embeddings import EMBEDDINGS, split_rows
from qwen_gateway.upstream.timeouts import Stopwatch
from qwen_gateway.usage import Usage

DEFAULT_MODEL = "qwen-plus"
DEFAULT_EMBEDDING_MODEL = "text-embedding-v4"

_CUSTOM_SERVER = "local"
"""The provider's name when only `base_url` is given."""
_TIMEOUT_S = 300.0


class QwenClient(AbstractContextManager["QwenClient", None]):
    """A client with the gateway's configuration, retries, fallback and errors, but without Lambda and AWS.

    A client keeps its connections open and is thread-safe. The configuration is gateway.toml with the environment
    variable GATEWAY_CONFIG merged over it. Keys come from `api_key` or the environment: DASHSCOPE_API_KEY,
    HOLYSHEEP_API_KEY, and QWEN_GATEWAY_PROVIDER_KEY for any other provider.

    Args:
        provider: the name of a provider in the configuration; by default the configuration's default provider.
        base_url: replaces that provider's URL. Without `provider` it is the URL of any OpenAI-compatible server, which
            needs no key; model names without a route are sent to it unchanged.
        api_key: the key of that provider.
        configuration: merged over the configuration, for example `{"retries": {"attempts": 2}}`.
        timeout: seconds for a whole call, with all attempts and the waits between them.

    Raises:
        ConfigurationError: the configuration is invalid; the message names the key.
        ProviderNotConfigured: the provider key is missing; the message names the variable.
    """

    def __init__(
        self,
        provider: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        configuration: Mapping[str, Any] | None = None,
        timeout: float = _TIMEOUT_S,
    ) -> None:
        self._configuration = _load_configuration(provider, base_url, api_key, configuration or {})
        default = self._configuration.default_provider
        keys = EnvironmentKeys({default: api_key or ""})
        if self._configuration.providers[default].needs_key:
            keys.key(default)
        self._routes = Routes(self._configuration)
        self._prices = Prices(self._configuration)
        self._transport = Transport()
        self._upstream = Upstream(self._configuration, keys, self._transport)
        self._timeout_s = timeout
        self._batches: weakref.WeakSet[Batch] = weakref.WeakSet()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def chat(
        self, prompt: Prompt, model: str = DEFAULT_MODEL, *, timeout: float | None = None, **parameters: Any
    ) -> Answer:
        """Return the answer to a prompt.

        Args:
            prompt: a text, a list of messages, or a request object, whose fields take precedence over `model` and
                `parameters`.
            model: the name of a route, see `models`.
            timeout: seconds for this whole call; by default the client's timeout.
            parameters: fields of the request, OpenAI's or Qwen's own: `temperature=0.2`, `enable_thinking=True`.

        Raises:
            RequestRefused: the request is invalid; no provider was called.
            ProviderError: all targets of the route failed; this is the first target's error.
        """
        result, _ = self._complete(prompt, model, timeout, parameters)
        if isinstance(result, GatewayError):
            raise result from getattr(result, "cause", None)
        return result

    def stream(
        self, prompt: Prompt, model: str = DEFAULT_MODEL, *, timeout: float | None = None, **parameters: Any
    ) -> AnswerStream:
        """Wait for the first output of the answer to a prompt, then return a stream of deltas.

        Args:
            prompt: as for `chat`.
            model: the name of a route, see `models`.
            timeout: seconds for this whole call; by default the client's timeout.
            parameters: as for `chat`.

        Raises:
            RequestRefused: the request is invalid; no provider was called.
            ProviderError: all targets of the route failed; this is the first target's error.
        """
        watch, now = Stopwatch(), time.time()
        chat = build_request(prompt, model, parameters)
        outcome = self._upstream.stream(CHAT, self._route(chat), self._deadline(timeout))
        if isinstance(outcome.result, GatewayError):
            error = _adapt_message(outcome.result, outcome.attempts)
            raise error from getattr(error, "cause", None)
        return AnswerStream(outcome.result, watch, lambda target, usage: self._price(target, usage, chat.body, now))

    def embed(
        self,
        texts: str | Sequence[str],
        model: str = DEFAULT_EMBEDDING_MODEL,
        *,
        timeout: float | None = None,
        **parameters: Any,
    ) -> EmbeddingsAnswer:
        """Return the vectors of texts: any number, in calls of as many as the model takes, one call after the other.

        Args:
            texts: a text, or a list of texts.
            model: the name of a route, see `models`.
            timeout: seconds for all texts together; by default the client's timeout.
            parameters: fields of the request: `dimensions=512`.

        Raises:
            RequestRefused: the request is invalid; no provider was called.
            ProviderError: a call failed; the other vectors are lost.
        """
        watch, now, deadline = Stopwatch(), time.time(), self._deadline(timeout)
        rows = texts if isinstance(texts, str) else list(texts)
        request = EmbeddingsRequest.validate({**parameters, "model": model, "input": rows, "encoding_format": "float"})
        targets = self._targets(model)
        same_model = tuple(target for target in targets if target.model == targets[0].model)
        outcomes: list[Outcome[Any]] = []
        costs: list[Cost | Unpriced] = []
        for part in split_rows(request.body, [self._routes.describe(target) for target in same_model]):
            outcome = self._upstream.complete(EMBEDDINGS, RoutedRequest(model, same_model, part.body), deadline)
            if isinstance(outcome.result, GatewayError):
                error = _adapt_message(outcome.result, outcome.attempts)
                raise error from getattr(error, "cause", None)
            outcomes.append(outcome)
            costs.append(self._price(outcome.attempts[-1].target, outcome.usage, part.body, now))
        return EmbeddingsAnswer.of(outcomes, sum_costs(costs), watch.ms())

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
        """Start to answer many prompts and return a sequence of results: in order, failures as values.

        Args:
            prompts: each as for `chat`.
            model: for prompts that name no model.
            max_concurrency: how many calls may run at the same time, 1 to 50.
            requests_per_minute: how many upstream calls may start within a minute, evenly spaced; retries count.
            timeout: seconds for each whole call; by default the client's timeout.
            parameters: as for `chat`.

        Raises:
            ValueError: a limit is out of range.
            TypeError: `prompts` is a single prompt.
        """
        if isinstance(prompts, str | Mapping):
            raise TypeError("prompts has to be a list of prompts; for one there is chat")
        if not 1 <= max_concurrency <= MAX_CONNECTIONS:
            raise ValueError(f"max_concurrency has to be 1 to {MAX_CONNECTIONS}")
        if requests_per_minute is not None and not requests_per_minute > 0:
            raise ValueError("requests_per_minute has to be above 0")
        rate_limiter = RateLimiter(requests_per_minute)

        def complete(prompt: Prompt) -> Result:
            result, calls = self._complete(prompt, model, timeout, parameters)
            rate_limiter.settle(calls)
            return result

        batch = Batch(prompts, complete, max_concurrency, rate_limiter)
        self._batches.add(batch)
        return batch

    def models(self) -> list[str]:
        """Return the names of all routes, aliases first."""
        return list(self._routes.models())

    def request(self, prompt: Prompt, model: str = DEFAULT_MODEL, **parameters: Any) -> dict[str, Any]:
        """Return the request that `chat` would send, before it is adapted to a target.

        Raises:
            RequestRefused: the request is invalid.
        """
        chat = build_request(prompt, model, parameters)
        self._route(chat)
        return chat.body

    def close(self) -> None:
        """Close the connections and start no more calls of batches. Calls in progress fail."""
        for batch in list(self._batches):
            batch.close()
        self._transport.close()

    def _complete(
        self, prompt: Prompt, model: str, timeout: float | None, parameters: Mapping[str, Any]
    ) -> tuple[Result, int]:
        """Return the answer or the error, and the number of upstream calls."""
        watch, now = Stopwatch(), time.time()
        try:
            request = self._route(build_request(prompt, model, parameters))
        except GatewayError as error:
            return error, 0
        outcome = self._upstream.complete(CHAT, request, self._deadline(timeout))
        if isinstance(outcome.result, GatewayError):
            return _adapt_message(outcome.result, outcome.attempts), len(outcome.attempts)
        cost = self._price(outcome.attempts[-1].target, outcome.usage, request.body, now)
        return Answer.of(outcome.result, outcome, cost, watch.ms()), len(outcome.attempts)

    def _price(self, target: Target, usage: Usage | None, body: Mapping[str, Any], started: float) -> Cost | Unpriced:
        return self._prices.cost(target, usage and count_searches(usage, body), started)

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._timeout_s if timeout is None else timeout)

    def _route(self, chat: ChatRequest) -> RoutedRequest:
        return RoutedRequest(chat.model, self._targets(chat.model), chat.body)

    def _targets(self, model: str) -> tuple[Target, ...]:
        default = self._configuration.default_provider
        try:
            return self._routes.targets(model)
        except ModelUnknown:
            if self._configuration.providers[default].catalog:
                raise
            return (Target(default, model),)


def _load_configuration(
    provider: str | None, base_url: str | None, api_key: str | None, overrides: Mapping[str, Any]
) -> Configuration:
    name = provider or (_CUSTOM_SERVER if base_url else None)
    choice: dict[str, Any] = {"default_provider": name} if name else {}
    if base_url:
        choice["providers"] = {name: {"base_url": base_url}}
        if not provider:
            choice["providers"][name]["needs_key"] = bool(api_key or read_key(_CUSTOM_SERVER))
    return config.parse(os.environ.get("GATEWAY_CONFIG", ""), overrides, choice)


def _adapt_message(error: GatewayError, attempts: Sequence[Attempt]) -> GatewayError:
    """Replace the advice for a rejected key: the gateway's own message names its secret, which the library lacks."""
    if not isinstance(error, ProviderKeyRefused):
        return error
    provider = next(each.target.provider for each in attempts if each.cause == type(error).__name__)
    message = f"{provider} refuses the key. Set another in {get_variable(provider)}, or give it as api_key."
    return ProviderKeyRefused(message, status=error.status, code=error.code, request_id=error.request_id)
