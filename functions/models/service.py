"""The models of the API: every route, with the limits of its first target."""

import time
from typing import Any, Protocol

from qwen_gateway.api import HttpRequest, JsonResponse, api_key_token
from qwen_gateway.catalog import Model
from qwen_gateway.ledger import ApiKey
from qwen_gateway.routing import Target


class ApiKeys(Protocol):
    """The clients' API keys."""

    def authenticate(self, token_text: str, now: float) -> ApiKey:
        """Return the key of a token, or raise KeyRefused."""
        ...


class Routes(Protocol):
    """The model names."""

    def models(self) -> dict[str, tuple[Target, ...]]:
        """Return the targets of every model name."""
        ...

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return the targets of a route, or raise ModelUnknown."""
        ...

    def describe(self, target: Target) -> Model | None:
        """Return the catalog's entry of a target, or None."""
        ...


class ModelsService:
    """Lists models for clients with an API key."""

    def __init__(self, keys: ApiKeys, routes: Routes) -> None:
        self._keys = keys
        self._routes = routes

    def list(self, request: HttpRequest) -> JsonResponse:
        """Return OpenAI's list object with all models."""
        self._authenticate(request)
        models = [self._model(name, targets[0]) for name, targets in self._routes.models().items()]
        return JsonResponse({"object": "list", "data": models})

    def retrieve(self, request: HttpRequest, name: str) -> JsonResponse:
        """Return OpenAI's model object of one route."""
        self._authenticate(request)
        return JsonResponse(self._model(name, self._routes.targets(name)[0]))

    def _authenticate(self, request: HttpRequest) -> None:
        self._keys.authenticate(api_key_token(request.headers), time.time())

    def _model(self, name: str, target: Target) -> dict[str, Any]:
        model = {"id": name, "object": "model", "created": 0, "owned_by": target.provider}
        entry = self._routes.describe(target)
        if entry is None:
            return model
        limits: dict[str, Any] = {"context_length": entry.input_tokens, "max_output_tokens": entry.output_tokens}
        if entry.embedding:
            limits = {"context_length": entry.embedding.row_tokens, "dimensions": entry.embedding.dimensions or None}
        known = {field: limit for field, limit in limits.items() if limit is not None}
        return model | {"created": entry.created, "owned_by": entry.owned_by} | known
