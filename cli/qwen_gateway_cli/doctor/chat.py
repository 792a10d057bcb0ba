"""One tiny chat, on the same way as a client's, without the second attempt."""

from contextlib import closing

from qwen_gateway.config import Configuration, Retries
from qwen_gateway.errors import (
    GatewayError,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
)
from qwen_gateway.provider_keys.environment import EnvironmentKeys
from qwen_gateway.routing import Target
from qwen_gateway.upstream import Deadline, Transport, Upstream
from qwen_gateway_cli.doctor.finding import Finding, State

CHAT_S = 30
_REQUEST = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16}
_ADVICE: dict[type[GatewayError], str] = {
    ProviderOutOfCredit: "Pay there, and wait a few minutes.",
    ProviderModelMissing: "Correct [routes] in gateway.toml, or have the model enabled in the provider's console.",
    ProviderThrottled: "Others use the same account now, or its limits are low: its console shows and raises them.",
    ProviderTimeout: "Repeat; a local server may still be loading the model.",
    ProviderUnreachable: "Check base_url in gateway.toml, and that this machine may connect there.",
}


def tiny_chat(configuration: Configuration, target: Target, key: str) -> Finding:
    """Ask a target for a few words."""
    once = configuration.model_copy(update={"retries": Retries(attempts=1)})
    with closing(Transport()) as transport:
        upstream = Upstream(once, EnvironmentKeys({target.provider: key}), transport)
        outcome = upstream.complete(target.model, (target,), _REQUEST, Deadline(CHAT_S))
    latency_ms = outcome.attempts[-1].latency_ms if outcome.attempts else None
    if isinstance(outcome.result, GatewayError):
        advice = next((words for kind, words in _ADVICE.items() if isinstance(outcome.result, kind)), "")
        found = f"{target.model}: {outcome.result.message}"
        return Finding(target.provider, "chat", State.FAILED, found, advice, latency_ms)
    return Finding(target.provider, "chat", State.OK, f"{target.model} answered", latency_ms=latency_ms)
