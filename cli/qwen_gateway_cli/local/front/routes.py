"""Which route of the API a path belongs to."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from qwen_gateway_cli.local.front.api import Mock, Proxy


class Match(NamedTuple):
    """A route, and what the path says for its placeholders."""

    resource: str
    """The route's path, as the template has it."""
    integration: Proxy | Mock
    path_parameters: dict[str, str]
    """Decoded."""


class Routes:
    """The API's routes in the order in which API Gateway tries them: the more literal one first."""

    def __init__(self, routes: Mapping[str, Mapping[str, Proxy | Mock]]) -> None:
        self._routes = sorted(routes.items(), key=lambda route: _precedence(route[0]))

    def match(self, method: str, raw_path: str) -> Match | None:
        """Find the route of an encoded path; a trailing slash makes no difference. None when there is none."""
        given = raw_path.rstrip("/").split("/")
        for resource, methods in self._routes:
            parameters = _parameters(resource.split("/"), given)
            if parameters is not None:
                integration = methods.get(method)
                return None if integration is None else Match(resource, integration, parameters)
        return None


def _precedence(resource: str) -> list[int]:
    return [2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in resource.split("/")]


def _parameters(wanted: list[str], given: list[str]) -> dict[str, str] | None:
    """Return what the placeholders stand for, or None when the path is another one."""
    if len(given) < len(wanted):
        return None
    parameters = {}
    for position, part in enumerate(wanted):
        if part.endswith("+}"):
            parameters[part[1:-2]] = unquote("/".join(given[position:]))
            return parameters
        if part.startswith("{") and given[position]:
            parameters[part[1:-1]] = unquote(given[position])
        elif part != unquote(given[position]):
            return None
    return parameters if len(wanted) == len(given) else None
