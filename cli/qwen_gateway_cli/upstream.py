"""The provider of `up` and `batch`: the mock Qwen, a provider of gateway.toml, or an OpenAI-compatible URL."""

import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from qwen_gateway import config
from qwen_gateway.config import URL_FIELDS
from qwen_gateway.provider_keys.environment import DEFAULT_VARIABLE, get_variable, read_key
from qwen_gateway_cli.console import refuse

_ALIASES = ("qwen-max", "qwen-plus", "qwen-turbo", "claude-*", "claude-haiku-*")
_URL_PROVIDER = "local"
_CHECK_TIMEOUT_S = 10


class Upstream(NamedTuple):
    """A provider, and the configuration that makes it the default."""

    root: str
    """The URL without a path."""
    gateway_config: dict[str, Any]
    """Merged over gateway.toml."""
    keys: dict[str, str]
    """Key of each provider, for the secret."""


def build_mock_upstream(url: str) -> Upstream:
    """Replace the URL of every provider of gateway.toml by the mock's, so that no route leaves this machine."""
    providers = config.parse("").providers
    return Upstream(
        root=url,
        gateway_config={
            "providers": {
                name: {URL_FIELDS[family]: url + urlsplit(base_url).path for family, base_url in provider.urls.items()}
                for name, provider in providers.items()
            }
        },
        keys={name: f"sk-mock-{name}" for name in providers},
    )


def resolve_upstream(provider: str) -> Upstream:
    """Return the provider for the option `--provider`. The command fails on a missing key or an unreachable URL."""
    return _resolve_url(provider.rstrip("/")) if "://" in provider else _resolve_name(provider)


def _resolve_name(name: str) -> Upstream:
    providers = config.parse("").providers
    if name not in providers:
        refuse(f"--provider {name}: gateway.toml has no such provider. It has {', '.join(providers)}; a URL works too.")
    gateway_config = {"default_provider": name}
    config.parse(json.dumps(gateway_config))
    key = read_key(name)
    if not key:
        refuse(
            f"--provider {name} needs its key: set {get_variable(name)} in the environment and run the command again."
        )
    return Upstream(_strip_path(providers[name].url), gateway_config, {name: key})


def _resolve_url(url: str) -> Upstream:
    key = read_key(_URL_PROVIDER)
    provider_config = {"base_url": url, "needs_key": bool(key)}
    base_config = {"providers": {_URL_PROVIDER: provider_config}, "default_provider": _URL_PROVIDER}
    config.parse(json.dumps(base_config))
    models = _list_models(url, key or config.NO_KEY)
    routes = {name: [_build_target(models[0])] for name in _ALIASES} | {
        model: [_build_target(model)] for model in models
    }
    gateway_config = base_config | {"routes": routes}
    config.parse(json.dumps(gateway_config))
    return Upstream(_strip_path(url), gateway_config, {_URL_PROVIDER: key} if key else {})


def _build_target(model: str) -> dict[str, str]:
    return {"model": model, "provider": _URL_PROVIDER}


def _list_models(url: str, key: str) -> list[str]:
    """List the models without the caller's proxies, as the functions connect."""
    try:
        with httpx2.Client(trust_env=False, timeout=_CHECK_TIMEOUT_S) as client:
            response = client.get(f"{url}/models", headers={"authorization": f"Bearer {key}"})
    except httpx2.HTTPError as failure:
        refuse(f"{url} cannot be reached: {failure}")
    if response.status_code in (401, 403):
        refuse(
            f"{url}/models refuses the key (status {response.status_code}): set {DEFAULT_VARIABLE} in the environment."
        )
    try:
        document = response.raise_for_status().json()
        models = [str(entry["id"]) for entry in document["data"]]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        refuse(f"{url}/models does not answer with a list of models (status {response.status_code}): is the URL right?")
    if not models:
        refuse(f"{url}/models lists no model: load one there first.")
    return models


def _strip_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
