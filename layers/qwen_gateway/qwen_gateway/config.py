"""The configuration: gateway.toml, GATEWAY_CONFIG merged over it, and the environment that the template sets.

Nothing is read on import. An invalid configuration raises `ConfigurationError`, whose message names the key.
"""

import functools
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from qwen_gateway import datafile
from qwen_gateway.provider_url import find_url_problem

_HERE = Path(__file__).parent
Seconds = Annotated[float, Field(gt=0, le=900)]
MAX_BODY_BYTES = 5_500_000
"""A Lambda event holds 6 MB, including the escaping of the body."""
NO_KEY = "no-key-needed"
"""Sent to servers that need no key, because the header needs a value."""


class ConfigurationError(Exception):
    """gateway.toml, GATEWAY_CONFIG or the environment is invalid; the message names the key."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


type _Url = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
type Endpoint = Literal["chat/completions", "embeddings", "messages", "responses"]
"""A path of the API below /v1 that is relayed to providers."""
type ApiFamily = Literal["openai", "anthropic"]
"""The API of a provider that a call uses; each has a base URL of its own."""
URL_FIELDS: dict[ApiFamily, str] = {"openai": "base_url", "anthropic": "anthropic_base_url"}


class Provider(_Frozen):
    """A provider: the base URLs of its APIs, the endpoints that they serve, and the catalog section of its models.

    Attributes:
        base_url: of its OpenAI-compatible API. It may contain `{workspace}`; http only for a private server or one
            without authentication.
        anthropic_base_url: of its Anthropic-compatible API, without /v1, as Anthropic's clients take it; None if it has
            none, so that it does not serve messages.
        endpoints: those that its OpenAI-compatible API serves.
        session_cache: whether its Responses write to DashScope's session cache.
        response_days: for how many days it keeps a response that can be continued.
        catalog: None passes every model on unchanged.
        prices: the price list; None leaves its calls unpriced.
        needs_key: False for servers without authentication, for example Ollama.
        workspace: the id that replaces `{workspace}`.
        stream_usage: False for servers that reject `stream_options`.
    """

    base_url: _Url
    anthropic_base_url: _Url | None = None
    endpoints: tuple[Literal["chat/completions", "embeddings", "responses"], ...] = ("chat/completions", "embeddings")
    session_cache: bool = False
    response_days: Annotated[int, Field(ge=1, le=400)] = 7
    catalog: str | None = None
    prices: str | None = None
    needs_key: bool = True
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    stream_usage: bool = True

    @property
    def needs_workspace(self) -> bool:
        """Whether the URL needs a workspace id that is not set."""
        urls = (self.base_url, self.anthropic_base_url or "")
        return not self.workspace and any("{workspace}" in url for url in urls)

    @property
    def url(self) -> str:
        """The base URL with the workspace id, without a trailing slash."""
        return self._complete(self.base_url)

    @property
    def urls(self) -> dict[ApiFamily, str]:
        """The base URL of each of its APIs, complete as `url` is."""
        urls: dict[ApiFamily, str] = {"openai": self.url}
        return urls | {"anthropic": self._complete(self.anthropic_base_url)} if self.anthropic_base_url else urls

    def serves(self, endpoint: Endpoint) -> bool:
        """Return whether the provider serves an endpoint."""
        return self.anthropic_base_url is not None if endpoint == "messages" else endpoint in self.endpoints

    def _complete(self, url: str) -> str:
        return url.replace("{workspace}", self.workspace or "{workspace}").rstrip("/")


_NO_DEFAULTS = {"model", "messages", "input", "stream", "stream_options"}
"""Fields that the client or the gateway sets in every request."""


class RouteTarget(_Frozen):
    """A model of a provider.

    Attributes:
        model: the provider's name of the model.
        provider: empty for the default provider.
        defaults: parameters for requests that do not set them.
    """

    model: Annotated[str, Field(min_length=1)]
    provider: str = ""
    defaults: dict[Annotated[str, Field(min_length=1)], JsonValue] = {}

    @field_validator("defaults")
    @classmethod
    def _check_defaults(cls, defaults: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name, value in defaults.items():
            if name in _NO_DEFAULTS:
                raise ValueError(f"{name!r} cannot have a default: every request has its own")
            if value is None:
                raise ValueError(f"{name!r} has no value: leave it out")
        if not isinstance(defaults.get("enable_thinking", False), bool):
            raise ValueError("'enable_thinking' has to be true or false")  # noqa: TRY004 - pydantic takes ValueError
        return defaults


RouteTargets = Annotated[tuple[RouteTarget, ...], Field(min_length=1)]
"""In the order in which they are tried."""


class Timeouts(_Frozen):
    """Timeouts in seconds; gateway.toml describes each."""

    connect: Seconds = 5
    first_token: Seconds = 30
    idle: Seconds = 20
    reserved_for_ledger: Annotated[float, Field(ge=1, le=900)] = 2
    response_start: Seconds = 15
    ping: Seconds = 10


class Retries(_Frozen):
    """The maximum number of provider calls of a request, and the seconds for which a failed target is tried last."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    cooldown: Annotated[float, Field(ge=0, le=60)] = 10


type Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""By its code in ISO 4217."""


class Accounting(_Frozen):
    """The currency of every cost, what one unit of each other currency costs in it, and the charge without a report.

    `presumed` is what a call is charged for an attempt that the provider may have run without a report: the most that
    it may cost, or nothing.
    """

    currency: Currency = "USD"
    presumed: Literal["bound", "nothing"] = "bound"
    exchange_rates: dict[Currency, Annotated[Decimal, Field(gt=0, decimal_places=12)]] = {}

    @model_validator(mode="after")
    def _check_rates(self) -> Self:
        if self.currency in self.exchange_rates:
            raise ValueError(f"exchange_rates.{self.currency}: it is the accounting currency; leave it out")
        return self


class Configuration(_Frozen):
    """The merged configuration."""

    default_provider: str
    providers: dict[str, Provider]
    routes: dict[Annotated[str, Field(min_length=1)], RouteTargets] = {}
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    accounting: Accounting = Accounting()

    @property
    def default_url(self) -> str:
        """The base URL of the default provider."""
        return self.providers[self.default_provider].url

    @model_validator(mode="after")
    def _check_urls(self) -> Self:
        for name, provider in self.providers.items():
            for family, url in provider.urls.items():
                field = URL_FIELDS[family]
                if problem := find_url_problem(url, needs_key=provider.needs_key):
                    raise ValueError(f"providers.{name}.{field}: {problem}")
            if provider.urls.get("anthropic", "").endswith("/v1"):
                raise ValueError(f"providers.{name}.anthropic_base_url: leave out /v1, which is added to it")
        return self

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        known = ", ".join(sorted(self.providers))
        if self.default_provider not in self.providers:
            raise ValueError(f"default_provider: {self.default_provider!r} is none of the providers: {known}")
        for name, targets in self.routes.items():
            for target in targets:
                provider = target.provider or self.default_provider
                if provider not in self.providers:
                    raise ValueError(f"routes.{name}: provider {provider!r} is none of the providers: {known}")
                self._check_workspace(provider, f"routes.{name}")
            if len({(target.provider or self.default_provider, target.model) for target in targets}) < len(targets):
                raise ValueError(f"routes.{name}: a target stands in it twice")
        self._check_workspace(self.default_provider, "default_provider")
        return self

    def _check_workspace(self, provider: str, user: str) -> None:
        if self.providers[provider].needs_workspace:
            raise ValueError(f"providers.{provider}.workspace: set your workspace's id, {user} uses this provider")


class Environment(_Frozen):
    """The environment variables that the template sets; a field's name in capitals is the variable's name."""

    keys_table: str
    usage_table: str = ""
    provider_keys_secret: str = ""
    usage_retention_days: int = 400
    max_body_bytes: int = MAX_BODY_BYTES
    allowed_origin: str = "*"
    exposed_headers: str = ""
    stack_id: str = ""

    @classmethod
    def read(cls, variables: "os._Environ[str] | dict[str, str]") -> Self:
        """Read the environment variables.

        Raises:
            ConfigurationError: a variable is missing or invalid; the message names it.
        """
        values = {field: variables[field.upper()] for field in cls.model_fields if field.upper() in variables}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigurationError(_first_problem(error, "environment variable ", str.upper)) from None


def parse(overrides: str, *more: Mapping[str, Any]) -> Configuration:
    """Return gateway.toml with a JSON object (or an empty string) merged over it, and then each of `more`.

    Raises:
        ConfigurationError: the merged configuration has an unknown key, an invalid value or an unknown name.
    """
    try:
        document = datafile.load(_HERE, "gateway")
    except datafile.DataFileInvalid as error:
        raise ConfigurationError(str(error)) from None
    if overrides.strip():
        document = _merge(document, _parse_object(overrides))
    for each in more:
        document = _merge(document, each)
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(_first_problem(error, "configuration: ", str)) from None


@functools.cache
def configuration() -> Configuration:
    """Return the configuration of this process, read at the first call."""
    return parse(os.environ.get("GATEWAY_CONFIG", ""))


@functools.cache
def environment() -> Environment:
    """Return the environment of this process, read at the first call."""
    return Environment.read(os.environ)


def _parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"GATEWAY_CONFIG is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigurationError('GATEWAY_CONFIG has to be a JSON object, for example {"timeouts": {"connect": 3}}')
    return value


def _merge(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Merge objects key by key; other values replace, and null removes."""
    result = dict(document)
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merge(result[key], value)
        else:
            result[key] = value
    return result


def _first_problem(error: ValidationError, prefix: str, format_path: Any) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = format_path(".".join(str(part) for part in problem["loc"]))
    what = problem["msg"].removeprefix("Value error, ")
    return prefix + (f"{where}: {what}" if where else what)
