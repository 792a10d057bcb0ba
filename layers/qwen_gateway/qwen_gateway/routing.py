"""Routes: the targets of each model name, and those of them that are eligible for a request."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, Protocol

from qwen_gateway import catalog
from qwen_gateway.catalog import Model, Retirement
from qwen_gateway.config import Configuration, ConfigurationError, Endpoint, Provider
from qwen_gateway.errors import EndpointNotServed, ModelUnknown

RETIREMENT_NOTICE = timedelta(days=30)
"""How long before its retirement a model counts as deprecated."""
_ENDPOINTS: tuple[Endpoint, ...] = ("chat/completions", "responses", "messages", "embeddings")
_ANY = "*"
"""In the name of a route: any text."""


@dataclass(frozen=True, slots=True)
class Target:
    """A provider, and a model by the provider's name for it.

    `defaults` are parameters for requests that do not set them. Targets that differ only in them are equal.
    """

    provider: str
    model: str
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)


class Routes:
    """The routes of the configuration, and one for every model of the default provider's catalog.

    Args:
        configuration: has the providers and routes.
        now: returns the time in seconds since 1970. A model whose retirement has passed is not used any more.
    """

    def __init__(self, configuration: Configuration, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._providers = configuration.providers
        self._sections = {name: provider.catalog for name, provider in configuration.providers.items()}
        self._check_sections()
        default = configuration.default_provider
        self.configured = {
            name: tuple(Target(target.provider or default, target.model, target.defaults) for target in targets)
            for name, targets in configuration.routes.items()
        }
        """All targets of each route of the configuration, those with a retired model included."""
        # The most specific pattern first.
        self._patterns = sorted((name for name in self.configured if _ANY in name), key=len, reverse=True)
        self._catalog = {
            model: (Target(default, model),) for model in self._section(default) if model not in self.configured
        }

    def all(self) -> dict[str, tuple[Target, ...]]:
        """Return the targets of every route by its name or pattern, those of the configuration first."""
        configured = {name: self._live(targets) for name, targets in self.configured.items()}
        return configured | {name: targets for name, targets in self._catalog.items() if self._is_live(targets[0])}

    def models(self) -> dict[str, tuple[Target, ...]]:
        """Return the targets of every model name, as `all` but without patterns."""
        return {name: targets for name, targets in self.all().items() if name not in self._patterns}

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a model name, in order, without those whose model is retired.

        A route of this name counts before a pattern such as `claude-*`. If all targets are retired, the last one is
        returned, because retirements are sometimes postponed.

        Raises:
            ModelUnknown: no route has this name, or it is that of a retired model in the catalog.
        """
        if targets := self.configured.get(name):
            return self._live(targets)
        if (targets := self._catalog.get(name)) and self._is_live(targets[0]):
            return targets
        if pattern := next((each for each in self._patterns if fnmatchcase(name, each)), None):
            return self._live(self.configured[pattern])
        raise ModelUnknown(self._explain(name, targets), param="model")

    def serving(self, name: str, endpoint: Endpoint) -> tuple[Target, ...]:
        """Return those targets of a model name whose provider serves an endpoint.

        Raises:
            ModelUnknown: as `targets`.
            EndpointNotServed: there is none; the message names an endpoint of the model.
        """
        targets = self.targets(name)
        if serving := tuple(target for target in targets if self._providers[target.provider].serves(endpoint)):
            return serving
        others = [each for each in _ENDPOINTS if any(self._providers[t.provider].serves(each) for t in targets)]
        advice = f"Use POST /v1/{others[0]} with this model, or another model." if others else "Use another model."
        raise EndpointNotServed(
            f"No provider of the model {name[:100]!r} serves POST /v1/{endpoint}, and it is not translated. {advice}",
            param="model",
        )

    def provider(self, target: Target) -> Provider | None:
        """Return the provider of a target, None if it is not configured any more."""
        return self._providers.get(target.provider)

    def retirement(self, target: Target) -> Retirement | None:
        """Return the retirement of a target's model if it is at most 30 days ahead, or has passed."""
        model = self.describe(target)
        retirement = model.retirement if model else None
        if retirement and self._now() >= (retirement.date - RETIREMENT_NOTICE).timestamp():
            return retirement
        return None

    def is_retired(self, target: Target) -> bool:
        """Return whether the retirement of a target's model has passed."""
        return not self._is_live(target)

    def describe(self, target: Target) -> Model | None:
        """Return the catalog's entry of a target, or None."""
        return self._section(target.provider).get(target.model)

    def _live(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return tuple(target for target in targets if self._is_live(target)) or targets[-1:]

    def _is_live(self, target: Target) -> bool:
        model = self.describe(target)
        return model is None or model.retirement is None or self._now() < model.retirement.date.timestamp()

    def _explain(self, name: str, retired: tuple[Target, ...] | None) -> str:
        message = f"The model {name[:100]!r} is not served here. GET /v1/models lists those that are."
        retirement = self.retirement(retired[0]) if retired else None
        if retirement is None:
            return message
        message = f"The provider retired the model {name[:100]!r} on {retirement.date:%Y-%m-%d}."
        return message + (f" Its successor is {retirement.successor!r}." if retirement.successor else "")

    def _section(self, provider: str) -> dict[str, Model]:
        name = self._sections[provider]
        return catalog.section(name) if name else {}

    def _check_sections(self) -> None:
        known = catalog.sections()
        for provider, name in self._sections.items():
            if name and name not in known:
                raise ConfigurationError(f"providers.{provider}.catalog: {name!r} is none of: {', '.join(known)}")


type Describe = Callable[[Target], Model | None]


class Requirements(Protocol):
    """What a request requires of a model."""

    @property
    def max_tokens(self) -> int:
        """The largest output cap of the request in tokens, 0 if it has none."""
        ...

    def are_met_by(self, model: Model | None) -> bool:
        """Return False if a fact of the catalog contradicts a requirement."""
        ...


def eligible_targets(targets: tuple[Target, ...], requirements: Requirements, describe: Describe) -> tuple[Target, ...]:
    """Return the targets that can serve a request, in order; all of them if none can, so that the provider decides.

    The output cap is lowered to the limit of the first one. Of the others, those whose limit is still lower are left
    out.
    """
    if len(targets) == 1:
        return targets
    models = {target: describe(target) for target in targets}
    capable = [target for target in targets if requirements.are_met_by(models[target])]
    if not capable:
        return targets
    first, *others = capable
    limit = output_limit(models[first])
    cap = requirements.max_tokens if limit is None else min(requirements.max_tokens, limit)
    return (first, *(other for other in others if _allows(models[other], cap)))


def output_limit(model: Model | None) -> int | None:
    """Return the output limit of a model in tokens; None if it is unknown."""
    return model.output_tokens if model else None


def _allows(model: Model | None, max_tokens: int) -> bool:
    return model is None or model.output_tokens is None or model.output_tokens >= max_tokens
