"""Provider keys from environment variables, for programs that call providers without the gateway's secret."""

import os
from collections.abc import Mapping

from qwen_gateway.errors import ProviderNotConfigured
from qwen_gateway.provider_keys import is_valid_header_value

DEFAULT_VARIABLE = "QWEN_GATEWAY_PROVIDER_KEY"
"""The variable for all providers that are not in `_VARIABLES`."""

_VARIABLES = {"dashscope": "DASHSCOPE_API_KEY", "holysheep": "HOLYSHEEP_API_KEY"}


def get_variable(provider: str) -> str:
    """Return the name of the variable for a provider's key. All DashScope regions use the same one."""
    return _VARIABLES.get(provider.partition("-")[0], DEFAULT_VARIABLE)


def read_key(provider: str) -> str:
    """Return a provider's key from the environment, empty when it is not set."""
    return os.environ.get(get_variable(provider), "").strip()


class EnvironmentKeys:
    """Keys passed by the caller and, for all other providers, keys from the environment."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def key(self, provider: str, seconds: float = 0) -> str:  # noqa: ARG002 - the signature of ProviderKeys
        """Return a provider's key.

        Raises:
            ProviderNotConfigured: the key is missing or contains characters that no header can have.
        """
        key = self._given.get(provider) or read_key(provider)
        if not key:
            raise ProviderNotConfigured(
                f"There is no key for the provider {provider!r}. Set {get_variable(provider)} in the environment."
            )
        if not is_valid_header_value(key):
            raise ProviderNotConfigured(
                f"The key for the provider {provider!r} has white space, line breaks or letters inside that no key has."
            )
        return key

    def reload_refused(self, provider: str, refused: str, seconds: float) -> bool:  # noqa: ARG002 - the signature of ProviderKeys
        """Return False: the keys never change."""
        return False
