"""Which Qwen the local stack calls: the stand-in, a provider of gateway.toml, or an OpenAI-compatible URL."""

import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from qwen_gateway import config
from qwen_gateway.provider_keys.environment import DEFAULT_VARIABLE, get_variable, read_key
from qwen_gateway_cli.console import refuse

_ALIASES = ("qwen-max", "qwen-plus", "qwen-turbo")
_URL_PROVIDER = "local"
_CHECK_S = 10


class Upstream(NamedTuple):
    """The provider's root without a path, what is merged over gateway.toml for it, and the keys of the secret."""

    root: str
    gateway_config: dict[str, Any]
    keys: dict[str, str]


def stand_in(url: str) -> Upstream:
    """Point every provider of gateway.toml at the stand-in, so that no route can leave this machine."""
    providers = config.parse("").providers
    return Upstream(
        root=url,
        gateway_config={
            "providers": {
                name: {"base_url": url + urlsplit(provider.base_url).path} for name, provider in providers.items()
            }
        },
        keys={name: f"sk-stand-in-{name}" for name in providers},
    )


def chosen(provider: str) -> Upstream:
    """Return the provider that `--provider` names; a missing key or an unreachable URL is refused."""
    return _of_url(provider.rstrip("/")) if "://" in provider else _of_name(provider)


def _of_name(name: str) -> Upstream:
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
    return Upstream(_root(providers[name].url), gateway_config, {name: key})


def _of_url(url: str) -> Upstream:
    key = read_key(_URL_PROVIDER)
    own_server = {"base_url": url, "needs_key": bool(key)}
    provider = {"providers": {_URL_PROVIDER: own_server}, "default_provider": _URL_PROVIDER}
    config.parse(json.dumps(provider))
    models = _models(url, key or config.NO_KEY)
    routes = {name: [_target(models[0])] for name in _ALIASES} | {model: [_target(model)] for model in models}
    gateway_config = provider | {"routes": routes}
    config.parse(json.dumps(gateway_config))
    return Upstream(_root(url), gateway_config, {_URL_PROVIDER: key} if key else {})


def _target(model: str) -> dict[str, str]:
    return {"model": model, "provider": _URL_PROVIDER}


def _models(url: str, key: str) -> list[str]:
    """Ask as the functions will: directly, without the caller's proxies."""
    try:
        with httpx2.Client(trust_env=False, timeout=_CHECK_S) as client:
            answer = client.get(f"{url}/models", headers={"authorization": f"Bearer {key}"})
    except httpx2.HTTPError as failure:
        refuse(f"{url} cannot be reached: {failure}")
    if answer.status_code in (401, 403):
        refuse(
            f"{url}/models refuses the key (status {answer.status_code}): set {DEFAULT_VARIABLE} in the environment."
        )
    try:
        document = answer.raise_for_status().json()
        models = [str(entry["id"]) for entry in document["data"]]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        refuse(f"{url}/models does not answer with a list of models (status {answer.status_code}): is the URL right?")
    if not models:
        refuse(f"{url}/models lists no model: load one there first.")
    return models


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
