"""Default parameters of a target, for requests that do not set them."""

from collections.abc import Mapping
from typing import Any

_THINKING = frozenset(
    {"enable_thinking", "reasoning_effort", "thinking_budget", "thinking", "reasoning", "chat_template_kwargs"}
)
_MAX_TOKENS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})
_EQUIVALENT = (_THINKING, _MAX_TOKENS)
"""Fields that control the same: a request that sets one of them gets no default for any of them."""


def apply_defaults(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request with the defaults that it neither sets nor contradicts. Null counts as missing."""
    if not defaults:
        return body
    own = {name for name, value in body.items() if value is not None}
    controls = {name for name in own if _controls(name, body[name])}
    contradicted = {name for fields in _EQUIVALENT if not controls.isdisjoint(fields) for name in fields}
    return {**body, **{name: value for name, value in defaults.items() if name not in own | contradicted}}


_SWITCHES = {"chat_template_kwargs": ("enable_thinking",), "reasoning": ("enabled", "effort", "max_tokens")}
"""The fields that are objects, each with what controls thinking in it. Other entries concern other things."""


def _controls(name: str, value: Any) -> bool:
    """Return whether a field controls anything: an empty one does not, nor an object without a switch."""
    if isinstance(value, Mapping) and name in _SWITCHES:
        return any(value.get(switch) not in (None, "") for switch in _SWITCHES[name])
    return value not in ("", {})
