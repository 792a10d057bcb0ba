"""The models that clients may name: every route, with its first target's limits."""

import time
from typing import Any, Protocol

from qwen_gateway.api import bearer_token
from qwen_gateway.catalog import Model
from qwen_gateway.ledger import ApiKey
from qwen_gateway.routes import Target


class Keys(Protocol):
    """Who calls."""

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key that a token opens, or refuse it."""
        ...


class Routes(Protocol):
    """What can be asked for."""

    def all(self) -> dict[str, tuple[Target, ...]]:
        """Return every route's targets by the route's name."""
        ...

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return a route's targets, or refuse its name."""
        ...

    def describe(self, target: Target) -> Model | None:
        """Return what the catalog knows of a target."""
        ...


class ModelsService:
    """Lists models to whoever holds an API key."""

    def __init__(self, keys: Keys, routes: Routes) -> None:
        self._keys = keys
        self._routes = routes

    def list(self, headers: dict[str, str]) -> dict[str, Any]:
        """Return OpenAI's list object of all models."""
        self._authenticate(headers)
        models = [self._model(name, targets[0]) for name, targets in self._routes.all().items()]
        return {"object": "list", "data": models}

    def retrieve(self, headers: dict[str, str], name: str) -> dict[str, Any]:
        """Return OpenAI's model object of one route."""
        self._authenticate(headers)
        return self._model(name, self._routes.targets(name)[0])

    def _authenticate(self, headers: dict[str, str]) -> None:
        self._keys.authenticate(bearer_token(headers), time.time())

    def _model(self, name: str, target: Target) -> dict[str, Any]:
        known = self._routes.describe(target)
        return {
            "id": name,
            "object": "model",
            "created": known.known_since if known else 0,
            "owned_by": known.owned_by if known else target.provider,
            "context_length": known.input_tokens if known else None,
            "max_output_tokens": known.output_tokens if known else None,
        }
