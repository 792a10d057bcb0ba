"""The configuration: gateway.toml, GATEWAY_CONFIG merged over it, and what the template puts into the environment.

Nothing is read on import. A wrong configuration raises `ConfigurationWrong`, whose message names the key.
"""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from qwen_gateway import datafile

_HERE = Path(__file__).parent
Seconds = Annotated[float, Field(gt=0, le=900)]
NO_KEY = "no-key-needed"
"""Sent to servers that need no key, because the header has to hold something."""


class ConfigurationWrong(Exception):
    """gateway.toml, GATEWAY_CONFIG or the environment is wrong; the message names the key."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Provider(_Frozen):
    """Where a provider's OpenAI-compatible API stands, and which section of the catalog describes its models.

    With `needs_key` false it is called without asking for a key: a server of one's own, as Ollama. With `stream_usage`
    false it is not asked for the usage of streams: it refuses `stream_options`.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    catalog: str | None = None
    needs_key: bool = True
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    stream_usage: bool = True

    @property
    def needs_workspace(self) -> bool:
        """Whether the URL asks for a workspace's id that was not given."""
        return "{workspace}" in self.base_url and not self.workspace

    @property
    def url(self) -> str:
        """The base URL, with the workspace's id in its place and without a slash at its end."""
        return self.base_url.replace("{workspace}", self.workspace or "{workspace}").rstrip("/")


class RouteTarget(_Frozen):
    """A model of a provider. `provider` empty means the default provider."""

    model: Annotated[str, Field(min_length=1)]
    provider: str = ""


RouteTargets = Annotated[tuple[RouteTarget, ...], Field(min_length=1)]
"""In the order in which they are tried."""


class Timeouts(_Frozen):
    """Limits of one upstream call, and what a streaming client is kept waiting for, in seconds (design, section 3)."""

    connect: Seconds = 5
    first_token: Seconds = 30
    silence: Seconds = 20
    settle: Seconds = 2
    commit: Seconds = 15
    ping: Seconds = 10


class Retries(_Frozen):
    """What a request may cost: calls of providers in all, and seconds for which a failed target is tried last."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    cool_down: Annotated[float, Field(ge=0, le=60)] = 10


class Configuration(_Frozen):
    """gateway.toml as the code knows it."""

    default_provider: str
    providers: dict[str, Provider]
    routes: dict[Annotated[str, Field(min_length=1)], RouteTargets] = {}
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()

    @property
    def default_url(self) -> str:
        """The base URL of the default provider."""
        return self.providers[self.default_provider].url

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = ", ".join(sorted(self.providers))
        if self.default_provider not in self.providers:
            raise ValueError(f"default_provider: {self.default_provider!r} is none of the providers: {known}")
        for name, targets in self.routes.items():
            for target in targets:
                provider = target.provider or self.default_provider
                if provider not in self.providers:
                    raise ValueError(f"routes.{name}: provider {provider!r} is none of the providers: {known}")
                self._refuse_missing_workspace(provider, f"routes.{name}")
            if len({(target.provider or self.default_provider, target.model) for target in targets}) < len(targets):
                raise ValueError(f"routes.{name}: a target stands in it twice")
        self._refuse_missing_workspace(self.default_provider, "default_provider")
        return self

    def _refuse_missing_workspace(self, provider: str, user: str) -> None:
        if self.providers[provider].needs_workspace:
            raise ValueError(f"providers.{provider}.workspace: set your workspace's id, {user} uses this provider")


class Environment(_Frozen):
    """What the template puts into a function's environment; a field's name in capitals is the variable's."""

    keys_table: str
    usage_table: str = ""
    provider_keys_secret: str = ""
    usage_retention_days: int = 400
    allowed_origin: str = "*"

    @classmethod
    def read(cls, variables: "os._Environ[str] | dict[str, str]") -> Self:
        """Read the environment; a missing table's name is refused by its name."""
        values = {field: variables[field.upper()] for field in cls.model_fields if field.upper() in variables}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigurationWrong(_first(error, "environment variable ", str.upper)) from None


def parse(overrides: str, *more: Mapping[str, Any]) -> Configuration:
    """Return gateway.toml with a JSON object (or an empty string) merged over it, and then `more`, one by one.

    Raises:
        ConfigurationWrong: the merged configuration has an unknown key, a wrong value or a dangling name.
    """
    document = datafile.load(_HERE, "gateway")
    if overrides.strip():
        document = _merged(document, _object(overrides))
    for each in more:
        document = _merged(document, each)
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        raise ConfigurationWrong(_first(error, "configuration: ", str)) from None


@functools.cache
def configuration() -> Configuration:
    """The configuration of this process, read when first asked for."""
    return parse(os.environ.get("GATEWAY_CONFIG", ""))


@functools.cache
def environment() -> Environment:
    """The environment of this process, read when first asked for."""
    return Environment.read(os.environ)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationWrong(f"GATEWAY_CONFIG is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigurationWrong('GATEWAY_CONFIG has to be a JSON object, for example {"timeouts": {"connect": 3}}')
    return value


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Objects merge key by key; anything else replaces, and null removes."""
    result = dict(under)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _first(error: ValidationError, prefix: str, spell: Any) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = spell(".".join(str(part) for part in problem["loc"]))
    what = problem["msg"].removeprefix("Value error, ")
    return prefix + (f"{where}: {what}" if where else what)
