"""From the model name that a client uses to the targets that can answer."""

from typing import NamedTuple

from qwen_gateway import catalog
from qwen_gateway.catalog import Model
from qwen_gateway.config import Configuration, ConfigurationWrong
from qwen_gateway.errors import ModelUnknown


class Target(NamedTuple):
    """A model as its provider calls it."""

    provider: str
    model: str


class Routes:
    """All routes: those of the configuration, and every model of the default provider's catalog by its own name."""

    def __init__(self, configuration: Configuration) -> None:
        self._sections = {name: provider.catalog for name, provider in configuration.providers.items()}
        self._refuse_unknown_sections()
        default = configuration.default_provider
        self._targets = {
            name: tuple(Target(target.provider or default, target.model) for target in targets)
            for name, targets in configuration.routes.items()
        }
        for model in self._section(default):
            self._targets.setdefault(model, (Target(default, model),))

    def all(self) -> dict[str, tuple[Target, ...]]:
        """Return every route's targets by the route's name, aliases first."""
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
        """Return what the catalog knows of a target, or None."""
        return self._section(target.provider).get(target.model)

    def _section(self, provider: str) -> dict[str, Model]:
        name = self._sections[provider]
        return catalog.section(name) if name else {}

    def _refuse_unknown_sections(self) -> None:
        known = catalog.sections()
        for provider, name in self._sections.items():
            if name and name not in known:
                raise ConfigurationWrong(f"providers.{provider}.catalog: {name!r} is none of: {', '.join(known)}")
