"""The provider keys to check: from the stack's secret, or from the environment without a stack."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from qwen_gateway.config import Configuration
from qwen_gateway.provider_keys import environment
from qwen_gateway_cli import secrets
from qwen_gateway_cli.stack import Stack


class ProviderKeys(NamedTuple):
    """Keys by provider.

    Attributes:
        values: the keys by provider.
        source: where the keys were read, for messages.
        set_command: returns the shell command that stores a provider's key.
    """

    values: dict[str, str]
    source: str
    set_command: Callable[[str], str]


def read_stack_keys(stack: Stack, name: str | None) -> ProviderKeys:
    """Read the keys from the stack's secret. `name` is that of a stack on AWS, None for the local stack."""
    stored = secrets.read_stored_keys(stack.clients.secretsmanager, stack.provider_keys_secret)
    option = f" --stack {name}" if name else ""
    return ProviderKeys(
        {provider: entry["key"] for provider, entry in stored.items()},
        "the stack's secret",
        lambda provider: f"qwen-gateway secrets set {provider}{option}",
    )


def read_environment_keys(providers: Iterable[str]) -> ProviderKeys:
    """Read the environment variables of these providers.

    Providers can share a variable, as DashScope's regions do. Pass only the providers for which its key is meant.
    """
    return ProviderKeys(
        {provider: key for provider in providers if (key := environment.read_key(provider))},
        "the environment",
        lambda provider: f"export {environment.get_variable(provider)}=...",
    )


def list_routed_providers(configuration: Configuration) -> set[str]:
    """Return the default provider and the providers that the configuration's own routes name."""
    routed = {target.provider for targets in configuration.routes.values() for target in targets if target.provider}
    return routed | {configuration.default_provider}
