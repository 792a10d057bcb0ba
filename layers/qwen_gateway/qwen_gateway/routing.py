"""Routes: the targets of each model name, and those of them that are eligible for a request."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from qwen_gateway import catalog
from qwen_gateway.catalog import Model
from qwen_gateway.config import Configuration, ConfigurationError
from qwen_gateway.errors import ModelUnknown


class Target(NamedTuple):
    """A provider, and a model by the provider's name for it."""

    provider: str
    model: str


class Routes:
    """The routes of the configuration, and one for every model of the default provider's catalog."""

    def __init__(self, configuration: Configuration) -> None:
        self._sections = {name: provider.catalog for name, provider in configuration.providers.items()}
        self._check_sections()
        default = configuration.default_provider
        self._targets = {
            name: tuple(Target(target.provider or default, target.model) for target in targets)
            for name, targets in configuration.routes.items()
        }
        for model in self._section(default):
            self._targets.setdefault(model, (Target(default, model),))

    def all(self) -> dict[str, tuple[Target, ...]]:
        """Return the targets of every route by its name, aliases first."""
        return dict(self._targets)

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a route, in order.

        Raises:
            ModelUnknown: no route has this name.
        """
        try:
            return self._targets[name]
        except KeyError:
            message = f"The model {name[:100]!r} is not served here. GET /v1/models lists those that are."
            raise ModelUnknown(message, param="model") from None

    def describe(self, target: Target) -> Model | None:
        """Return the catalog's entry of a target, or None."""
        return self._section(target.provider).get(target.model)

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
    return model is None or model.output_tokens >= max_tokens
