"""The stand-in's own table of models. It shares nothing with the gateway's catalog, so neither its errors."""

import functools
import importlib.resources
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SERVED_PREFIXES = ("qwen", "qwq", "qvq", "deepseek")


@dataclass(frozen=True, slots=True)
class Model:
    """One model; `models.toml` says what each field means."""

    name: str
    max_input_tokens: int
    max_output_tokens: int
    thinking: Literal["off", "on", "always"]
    stream_only: bool
    thinking_needs_stream: bool
    cap_covers_thinking: bool
    efforts: tuple[str, ...]
    effort_or_budget: bool


@functools.cache
def listed_models() -> dict[str, Model]:
    """Every model of the table by name, in the table's order."""
    return {name: _model(name, own) for name, own in _table()["models"].items()}


def served_model(name: object, only: Sequence[str] | None = None) -> Model | None:
    """The model that answers to `name`, or None when the provider serves nothing of that name, or `only` others."""
    if not isinstance(name, str) or (name not in only if only is not None else not name.startswith(SERVED_PREFIXES)):
        return None
    return listed_models().get(name) or _model(name, {})


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath("models.toml").read_text())


def _model(name: str, own: dict[str, Any]) -> Model:
    fields = {**_table()["default"], **own}
    return Model(name=name, **{**fields, "efforts": tuple(fields["efforts"])})
