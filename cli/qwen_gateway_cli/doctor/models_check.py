"""Checks of a provider's response to `GET /models`: the key, its region, and the models of the routes.

DashScope's keys belong to one region. A refused key is tried in the others.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from qwen_gateway import provider_failures
from qwen_gateway.catalog import Retirement
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


def judge_models(
    provider: str, names: frozenset[str], routed: Collection[Collection[str]], known: Collection[str]
) -> Finding:
    """Judge the model list: each configured route must have a model in it; all of them and the catalog's should be.

    Args:
        provider: the provider's name.
        names: the models that the provider lists.
        routed: the provider's models of each route of the configuration.
        known: the models that any route leads to, the catalog's included.
    """
    if missing := sorted({model for models in routed if names.isdisjoint(models) for model in models}):
        advice = (
            f"Correct [routes] in gateway.toml. The provider lists: {_join_some(names)}"
            if names
            else "Load a model there first."
        )
        found = f"routes name models that the provider does not list: {', '.join(missing)}"
        return Finding(provider, "models", State.FAILED, found, advice)
    if missing := sorted({model for models in routed for model in models} - names):
        found = f"the provider does not list models of routes, which fall back from them: {_join_some(missing)}"
        advice = "Remove them from [routes] in gateway.toml: each request for them makes a call in vain."
        return Finding(provider, "models", State.WARNING, found, advice)
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
    if not is_dashscope(name):
        return None
    others = {other: provider for other, provider in providers.items() if is_dashscope(other) and other != name}
    own_url = providers[name].url
    urls = {other: provider.url for other, provider in others.items() if not provider.needs_workspace}
    return Regions(
        {other: url for other, url in urls.items() if url != own_url},
        [other for other, provider in others.items() if provider.needs_workspace],
    )


def judge_retirements(provider: str, retirements: Mapping[str, Retirement], retired: Collection[str]) -> Finding | None:
    """Warn of models of the routes that are retired, or will be within 30 days; None if there are none.

    Args:
        provider: the provider's name.
        retirements: the retirements by model.
        retired: those of the models that are retired already.
    """
    if not retirements:
        return None
    texts = [
        f"{model} {'was retired' if model in retired else 'will be retired'} on {date:%Y-%m-%d}"
        + (f" (successor: {successor})" if successor else "")
        for model, (date, successor) in retirements.items()
    ]
    advice = "Replace them in [routes] in gateway.toml, and tell clients that use them by name."
    return Finding(provider, "retirement", State.WARNING, "; ".join(texts), advice)


def find_key_region(regions: Regions, accepts_key: Callable[[str], bool]) -> str | None:
    """Try the refused key at each region's URL, and return the region that accepts it."""
    return next((region for region, url in regions.urls.items() if accepts_key(url)), None)


def judge_region(
    name: str, regions: Regions, region: str | None, scope: str, set_command: Callable[[str], str]
) -> Finding:
    """Name the region that accepts a refused key, with its deployment scope, or the regions that were tried."""
    if region:
        found = f"the key belongs to {region} ({regions.urls[region]})"
        if scope:
            found += f", deployment scope {scope!r}, which has prices of its own"
        advice = f'Use that region: default_provider = "{region}" (or in the route), then: {set_command(region)}'
        return Finding(name, "region", State.FAILED, found, advice)
    found = f"no region accepts the key; tried {', '.join(regions.urls) or 'none'}"
    if regions.unknown:
        found += f"; not tried, because `workspace` is not set: {', '.join(regions.unknown)}"
    return Finding(name, "region", State.FAILED, found, "It is mistyped, deleted, or not a key of DashScope.")


def judge_prices(provider: str, unpriced: Collection[str]) -> Finding | None:
    """Warn of models of the routes that have no price; None if there are none."""
    if not unpriced:
        return None
    advice = "Set `prices` of the provider in gateway.toml, or add the prices to prices.toml: qwen-gateway prices check"
    return Finding(provider, "prices", State.WARNING, f"calls are unpriced: {_join_some(unpriced)}", advice)


def _classify_failure(reply: Reply) -> type[ProviderError]:
    return provider_failures.classify(reply.status, provider_failures.parse_error_body(reply.document))


def is_dashscope(name: str) -> bool:
    """Return whether a provider of this name is DashScope in some region."""
    return name.partition("-")[0] == _DASHSCOPE


def _join_some(names: Collection[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _MAX_NAMES_SHOWN} more" if len(shown) > _MAX_NAMES_SHOWN else ""
    return ", ".join(shown[:_MAX_NAMES_SHOWN]) + more
