"""What a provider's answer to `GET /models` tells: whether it takes the key and has the routes' models."""

from collections.abc import Collection
from typing import Any

from qwen_gateway import provider_failures
from qwen_gateway.errors import ProviderKeyRefused
from qwen_gateway_cli.doctor.asking import Reply
from qwen_gateway_cli.doctor.finding import Finding, State

_OK = 200
_NO_LIST = (404, 405, 501)
_SHOWN = 5


def refuses_key(reply: Reply) -> bool:
    """Whether the provider does not take the key."""
    return reply.status != _OK and issubclass(_cause(reply), ProviderKeyRefused)


def listed(reply: Reply) -> frozenset[str] | None:
    """Return the names of the list, None when this is none."""
    entries = reply.document.get("data") if isinstance(reply.document, dict) else None
    if reply.status != _OK or not isinstance(entries, list):
        return None
    return frozenset(str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry)


def judge_acceptance(provider: str, reply: Reply, set_key: str) -> Finding:
    """Judge whether the key opens the provider; `set_key` is the command that stores another one."""
    state, found, advice = State.OK, "the key is accepted", ""
    if refuses_key(reply):
        state, found = State.FAILED, f"the key is refused (status {reply.status})"
        advice = f"Make a key in the provider's console, then: {set_key}"
    elif reply.status in _NO_LIST:
        state, found = State.WARNING, f"there is no list of models (status {reply.status})"
        advice = "The chat below tells whether base_url and key are right."
    elif listed(reply) is None:
        said = provider_failures.parse_error_body(reply.document)
        state, found = State.FAILED, f"status {reply.status} and no list of models {said.code} {said.message}".strip()
        advice = "Check base_url in gateway.toml: it mostly ends in /v1."
    return Finding(provider, "accepted", state, found, advice, reply.latency_ms)


def judge_models(provider: str, names: frozenset[str], routed: Collection[str], known: Collection[str]) -> Finding:
    """Judge the list: a model of a configured route has to be in it, one that only the catalog knows should be."""
    if missing := sorted(set(routed) - names):
        advice = f"Correct [routes] in gateway.toml. It lists: {_some(names)}" if names else "Load a model there first."
        return Finding(
            provider, "models", State.FAILED, f"routes lead to models that it lacks: {_all(missing)}", advice
        )
    if missing := sorted(set(known) - names):
        advice = "Clients that ask for one get 404. Give the provider the catalog of its region, or another account."
        return Finding(
            provider, "models", State.WARNING, f"the catalog has models that it lacks: {_some(missing)}", advice
        )
    found = f"{len(names)} listed" + (", those of the routes among them" if routed else f": {_some(names)}")
    return Finding(provider, "models", State.OK, found)


def _cause(reply: Reply) -> Any:
    return provider_failures.classify(reply.status, provider_failures.parse_error_body(reply.document))


def _all(names: Collection[str]) -> str:
    return ", ".join(names)


def _some(names: Collection[str]) -> str:
    shown = sorted(names)
    return _all(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
