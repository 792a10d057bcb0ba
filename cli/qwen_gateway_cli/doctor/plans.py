"""DashScope's other plans, whose keys are accepted by hosts of their own."""

import functools
import importlib.resources
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from qwen_gateway.config import Provider
from qwen_gateway_cli.doctor.finding import Finding, State
from qwen_gateway_cli.doctor.models_check import is_dashscope


class Plan(NamedTuple):
    """A plan, and the base URL that accepts its keys."""

    name: str
    url: str


def list_plans(name: str, provider: Provider) -> list[Plan]:
    """Return the plans to which a rejected key of this provider may belong.

    A key is sent to Alibaba only if it was meant for Alibaba: both the provider's name and its host have to be those
    of DashScope, because an operator's own proxy has keys of its own.
    """
    document = _load_document()
    host = urlsplit(provider.url).hostname or ""
    if not is_dashscope(name) or not any(f".{host}".endswith(f".{domain}") for domain in document["domains"]):
        return []
    return [
        Plan(plan, url.replace("{region}", region))
        for plan, url in document["urls"].items()
        for region in (document["regions"] if "{region}" in url else [""])
        if url.replace("{region}", region) != provider.url
    ]


def find_key_plan(plans: Sequence[Plan], accepts_key: Callable[[str], bool]) -> Plan | None:
    """Try a rejected key at each plan's URL, all at the same time, and return the plan that accepts it."""
    if not plans:
        return None
    with ThreadPoolExecutor(max_workers=len(plans)) as pool:
        accepted = list(pool.map(lambda plan: accepts_key(plan.url), plans))
    return next((plan for plan, is_accepted in zip(plans, accepted, strict=True) if is_accepted), None)


def report_plan(provider: str, plan: Plan, set_command: str) -> Finding:
    """Return the finding that a key belongs to a plan."""
    found = f"the key belongs to the {plan.name} ({plan.url})"
    advice = f'Set providers.{provider}.base_url = "{plan.url}", or store a pay-as-you-go key: {set_command}'
    return Finding(provider, "plan", State.FAILED, found, advice)


@functools.cache
def _load_document() -> dict[str, Any]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath("plans.toml").read_text(encoding="utf-8"))
