"""Default parameters of a target, for requests that do not set them."""

from collections.abc import Mapping
from typing import Any

_THINKING = frozenset(
    {"enable_thinking", "reasoning_effort", "thinking_budget", "thinking", "reasoning", "chat_template_kwargs"}
)
_MAX_TOKENS = frozenset({"max_tokens", "max_completion_tokens"})
_EQUIVALENT = (_THINKING, _MAX_TOKENS)
"""Fields that control the same: a request that sets one of them gets no default for any of them."""


def apply_defaults(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request with the defaults that it neither sets nor contradicts. Null counts as missing."""
    if not defaults:
        return body
    own = {name for name, value in body.items() if value is not None}
    controls = {name for name in own if not _is_other_template_argument(name, body[name])}
    contradicted = {name for fields in _EQUIVALENT if not controls.isdisjoint(fields) for name in fields}
    return {**body, **{name: value for name, value in defaults.items() if name not in own | contradicted}}


def _is_other_template_argument(name: str, value: Any) -> bool:
    """Return whether the field has template arguments that do not control thinking."""
    is_template = name == "chat_template_kwargs" and isinstance(value, Mapping)
    return is_template and value.get("enable_thinking") is None
