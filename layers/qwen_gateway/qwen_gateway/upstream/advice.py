"""What a client reads when a provider failed: the cause, the provider's words where they help, and what to do."""

from qwen_gateway.errors import (
    ProviderAnswerBroken,
    ProviderBurstThrottled,
    ProviderDisconnected,
    ProviderError,
    ProviderFault,
    ProviderKeyRefused,
    ProviderModelMissing,
    ProviderOutOfCredit,
    ProviderOverloaded,
    ProviderRefused,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnreachable,
    RouteModelMissing,
)
from qwen_gateway.routes import Target

_ADVICE: dict[type[ProviderError], str] = {
    ProviderThrottled: "{provider} throttles {model}: the account's requests or tokens per minute are spent.",
    ProviderBurstThrottled: "{provider} throttles {model}: requests came too fast one after another.",
    ProviderOverloaded: "{provider} has no capacity for {model} now.",
    ProviderFault: "{provider} failed inside while it served {model}.",
    ProviderUnreachable: "{provider} could not be reached for {model}: {words}.",
    ProviderDisconnected: "{provider} closed the connection before it answered for {model}.",
    ProviderTimeout: "{provider} took too long with {model} ({words}). "
    "Ask for fewer max_tokens, stream the answer, or use a faster model.",
    ProviderAnswerBroken: "{provider} broke off its answer from {model}: {words}.",
    ProviderOutOfCredit: "{provider} refuses calls because the account has no credit. Its owner tops it up on the "
    "provider's billing page (DashScope's is Expenses and Costs in the Alibaba Cloud console).",
    ProviderKeyRefused: "{provider} refuses the gateway's key. Its owner sets a new one: "
    "qwen-gateway secrets set {provider} (qwen-gateway doctor finds the region that a key belongs to).",
    ProviderModelMissing: "{provider} does not serve {model} to this account.",
    RouteModelMissing: "The route leads to {model} of {provider}, which does not serve it to this account.",
    ProviderRefused: "{words}",
}

_QUOTED = (ProviderThrottled, ProviderBurstThrottled, ProviderOverloaded, ProviderFault, ProviderModelMissing)
"""Causes after which the provider's own words are added. A refused key is not among them: its message shows
parts of the key."""


_WAIT = {ProviderThrottled: 2.0, ProviderBurstThrottled: 5.0, ProviderOverloaded: 5.0}
"""Seconds after which repeating may help when the provider names none (it mostly does not)."""


def advised(error: ProviderError, target: Target, model: str) -> ProviderError:
    """Return the failure as the client reads it; `model` is the name that the client used."""
    kind = type(error)
    if kind is ProviderModelMissing and model != target.model:
        kind = RouteModelMissing
    words = error.message or "it gave no reason"
    advice = next(_ADVICE[each] for each in kind.__mro__ if each in _ADVICE)
    message = advice.format(provider=target.provider, model=target.model, words=words)
    if isinstance(error, _QUOTED) and error.message:
        message += f" It says: {error.message}"
    return kind(
        message,
        param=error.param,
        retry_after=error.retry_after or _WAIT.get(kind),
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )
