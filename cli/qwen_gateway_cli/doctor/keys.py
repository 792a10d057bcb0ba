"""Where the examined keys come from: the addressed stack's secret, or the environment when there is no stack."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from qwen_gateway.config import Configuration
from qwen_gateway.provider_keys import environment
from qwen_gateway_cli import secrets
from qwen_gateway_cli.stack import Stack


class Keys(NamedTuple):
    """The keys by provider. `place` says in words where they stand; `set` gives the command that stores one."""

    values: dict[str, str]
    place: str
    set: Callable[[str], str]

    def of(self, provider: str) -> str | None:
        """Return a provider's key, None when it has none."""
        return self.values.get(provider)


def of_stack(stack: Stack, name: str | None) -> Keys:
    """Read the stack's secret; `name` is that of a stack on AWS."""
    stored = secrets.stored_keys(stack.clients.secretsmanager, stack.provider_keys_secret)
    option = f" --stack {name}" if name else ""
    return Keys(
        {provider: entry["key"] for provider, entry in stored.items()},
        "the stack's secret",
        lambda provider: f"qwen-gateway secrets set {provider}{option}",
    )


def of_environment(providers: Iterable[str]) -> Keys:
    """Read the variables of these providers.

    Several may share a variable, as DashScope's regions do, so only those that are meant may be asked for here.
    """
    return Keys(
        {provider: key for provider in providers if (key := environment.read_key(provider))},
        "the environment",
        lambda provider: f"export {environment.get_variable(provider)}=...",
    )


def used(configuration: Configuration) -> set[str]:
    """Return the providers that the configuration's own routes and its default name."""
    routed = {target.provider for targets in configuration.routes.values() for target in targets if target.provider}
    return routed | {configuration.default_provider}
