"""DashScope's keys belong to a region: finds the one of a key that was refused."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from qwen_gateway.config import Provider
from qwen_gateway_cli.doctor.finding import Finding, State

_FAMILY = "dashscope"


class Regions(NamedTuple):
    """The other regions of a provider by name and URL, and those whose URL is not known without a workspace."""

    urls: dict[str, str]
    unknown: list[str]


def others(name: str, providers: Mapping[str, Provider]) -> Regions | None:
    """Return DashScope's regions but for the provider's own; None when it is not DashScope.

    By name, as gateway.toml has them, and never by catalog: a reseller may share the catalog, and must not get the key.
    """
    if not _is_dashscope(name):
        return None
    rest = {each: provider for each, provider in providers.items() if _is_dashscope(each) and each != name}
    own = providers[name].url
    urls = {each: provider.url for each, provider in rest.items() if not provider.needs_workspace}
    return Regions(
        {each: url for each, url in urls.items() if url != own},
        [each for each, provider in rest.items() if provider.needs_workspace],
    )


def find_home(name: str, regions: Regions, takes: Callable[[str], bool], set_key: Callable[[str], str]) -> Finding:
    """Try the refused key on each region's URL and name the one that takes it."""
    for region, url in regions.urls.items():
        if takes(url):
            found = f"the key belongs to {region} ({url})"
            advice = f'Use that region: default_provider = "{region}" (or in the route), then: {set_key(region)}'
            return Finding(name, "region", State.FAILED, found, advice)
    found = f"no region takes the key; tried {', '.join(regions.urls) or 'none'}"
    if regions.unknown:
        found += f"; not tried, because `workspace` is not set: {', '.join(regions.unknown)}"
    return Finding(name, "region", State.FAILED, found, "It is mistyped, deleted, or not a key of DashScope.")


def _is_dashscope(name: str) -> bool:
    return name.partition("-")[0] == _FAMILY
