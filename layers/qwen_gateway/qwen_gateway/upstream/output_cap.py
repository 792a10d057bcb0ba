"""The caps that a request puts on its answer, in tokens."""

from collections.abc import Mapping
from typing import Any

_CAPS = ("max_tokens", "max_completion_tokens")


def asked(body: Mapping[str, Any]) -> int:
    """Return the largest cap of a request, 0 when it has none."""
    return max(_caps(body).values(), default=0)


def lowered(body: dict[str, Any], most: int) -> dict[str, Any]:
    """Return the request with no cap above `most`; `body` itself when it has none."""
    above = {name: most for name, cap in _caps(body).items() if cap > most}
    return body | above if above else body


def _caps(body: Mapping[str, Any]) -> dict[str, int]:
    return {name: body[name] for name in _CAPS if isinstance(body.get(name), int)}
