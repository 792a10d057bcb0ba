"""Checks of a provider's response to `GET /models`: the key, its region, and the models of the routes.

DashScope's keys belong to one region. A refused key is tried in the others.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from qwen_gateway import provider_failures
from qwen_gateway.config import Provider
from qwen_gateway.errors import ProviderError, ProviderKeyRefused
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.http import Reply

_OK = 200
_NO_MODELS_ENDPOINT = (404, 405, 501)
_MAX_NAMES_SHOWN = 5
_DASHSCOPE = "dashscope"


class Regions(NamedTuple):
    """The other regions of DashScope.

    Attributes:
        urls: URL by provider name.
        unknown: providers whose URL needs a `workspace` that is not set.
    """

    urls: dict[str, str]
    unknown: list[str]


def is_key_refused(reply: Reply) -> bool:
    """Return whether the provider refuses the key."""
    return reply.status != _OK and issubclass(_classify_failure(reply), ProviderKeyRefused)


def parse_models(reply: Reply) -> frozenset[str] | None:
    """Return the model names of the list, None when the reply is not a list of models."""
    entries = reply.document.get("data") if isinstance(reply.document, dict) else None
    if reply.status != _OK or not isinstance(entries, list):
        return None
    return frozenset(str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry)


def judge_key(provider: str, reply: Reply, set_command: str) -> Finding:
    """Judge whether the provider accepts the key. `set_command` stores another key."""
    state, found, advice = State.OK, "the key is accepted", ""
    if is_key_refused(reply):
        state, found = State.FAILED, f"the key is refused (status {reply.status})"
        advice = f"Create a key in the provider's console, then: {set_command}"
    elif reply.status in _NO_MODELS_ENDPOINT:
        state, found = State.WARNING, f"there is no list of models (status {reply.status})"
        advice = "The chat check below shows whether base_url and the key are right."
    elif parse_models(reply) is None:
        error = provider_failures.parse_error_body(reply.document)
        state, found = State.FAILED, f"status {reply.status} and no list of models {error.code} {error.message}".strip()
        advice = "Check base_url in gateway.toml: it usually ends in /v1."
    return Finding(provider, "accepted", state, found, advice, reply.latency_ms)


def judge_models(provider: str, names: frozenset[str], routed: Collection[str], known: Collection[str]) -> Finding:
    """Judge the model list: models of configured routes must be in it, other models of the catalog should be.

    Args:
        provider: the provider's name.
        names: the models that the provider lists.
        routed: the models that routes of the configuration name.
        known: the models that any route leads to, the catalog's included.
    """
    if missing := sorted(set(routed) - names):
        advice = (
            f"Correct [routes] in gateway.toml. The provider lists: {_join_some(names)}"
            if names
            else "Load a model there first."
        )
        found = f"routes name models that the provider does not list: {', '.join(missing)}"
        return Finding(provider, "models", State.FAILED, found, advice)
    if missing := sorted(set(known) - names):
        found = f"the catalog has models that the provider does not list: {_join_some(missing)}"
        advice = "Requests for them get 404. Set the catalog of the provider's region, or use another account."
        return Finding(provider, "models", State.WARNING, found, advice)
    found = f"{len(names)} listed" + (", those of the routes among them" if routed else f": {_join_some(names)}")
    return Finding(provider, "models", State.OK, found)


def find_other_regions(name: str, providers: Mapping[str, Provider]) -> Regions | None:
    """Return DashScope's regions except the provider's own, None when the provider is not DashScope.

    The provider's name decides, not its catalog: a reseller can use DashScope's catalog, and must not get the key.
    """
    if not _is_dashscope(name):
        return None
    others = {other: provider for other, provider in providers.items() if _is_dashscope(other) and other != name}
    own_url = providers[name].url
    urls = {other: provider.url for other, provider in others.items() if not provider.needs_workspace}
    return Regions(
        {other: url for other, url in urls.items() if url != own_url},
        [other for other, provider in others.items() if provider.needs_workspace],
    )


def find_key_region(
    name: str, regions: Regions, accepts_key: Callable[[str], bool], set_command: Callable[[str], str]
) -> Finding:
    """Try the refused key at each region's URL, and name the region that accepts it."""
    for region, url in regions.urls.items():
        if accepts_key(url):
            found = f"the key belongs to {region} ({url})"
            advice = f'Use that region: default_provider = "{region}" (or in the route), then: {set_command(region)}'
            return Finding(name, "region", State.FAILED, found, advice)
    found = f"no region accepts the key; tried {', '.join(regions.urls) or 'none'}"
    if regions.unknown:
        found += f"; not tried, because `workspace` is not set: {', '.join(regions.unknown)}"
    return Finding(name, "region", State.FAILED, found, "It is mistyped, deleted, or not a key of DashScope.")


def _classify_failure(reply: Reply) -> type[ProviderError]:
    return provider_failures.classify(reply.status, provider_failures.parse_error_body(reply.document))


def _is_dashscope(name: str) -> bool:
    return name.partition("-")[0] == _DASHSCOPE


def _join_some(names: Collection[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _MAX_NAMES_SHOWN} more" if len(shown) > _MAX_NAMES_SHOWN else ""
    return ", ".join(shown[:_MAX_NAMES_SHOWN]) + more
