"""Provider keys from environment variables: for whoever calls providers without the gateway's secret."""

import os
from collections.abc import Mapping

from qwen_gateway.errors import ProviderNotConfigured
from qwen_gateway.sendable import is_sendable

ANY_PROVIDER = "QWEN_GATEWAY_PROVIDER_KEY"
"""The variable for a provider that has none of its own."""

_VARIABLES = {"dashscope": "DASHSCOPE_API_KEY", "holysheep": "HOLYSHEEP_API_KEY"}


def variable(provider: str) -> str:
    """Return the name of the variable that holds a provider's key; DashScope's regions share one."""
    return _VARIABLES.get(provider.partition("-")[0], ANY_PROVIDER)


def key_of(provider: str) -> str:
    """Return a provider's key from the environment, empty when there is none."""
    return os.environ.get(variable(provider), "").strip()


class EnvironmentKeys:
    """The keys of one client: those given to it, and for other providers those of the environment."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def key(self, provider: str) -> str:
        """Return a provider's key.

        Raises:
            ProviderNotConfigured: there is none, or it cannot be sent.
        """
        key = self._given.get(provider) or key_of(provider)
        if not key:
            raise ProviderNotConfigured(
                f"There is no key for the provider {provider!r}. Set {variable(provider)} in the environment."
            )
        if not is_sendable(key):
            raise ProviderNotConfigured(
                f"The key for the provider {provider!r} has white space, line breaks or letters inside that no key has."
            )
        return key

    def reload_refused(self, provider: str, refused: str) -> bool:  # noqa: ARG002 - asked of every source of keys
        """Return False: what was given stays as it is."""
        return False
