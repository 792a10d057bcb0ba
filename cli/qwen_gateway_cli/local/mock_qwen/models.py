"""The mock's own table of models, independent of the gateway's catalog so that it detects wrong limits there."""

import functools
import importlib.resources
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SERVED_PREFIXES = ("qwen", "qwq", "qvq", "deepseek", "text-embedding")


@dataclass(frozen=True, slots=True)
class Model:
    """One model; `models.toml` documents the fields."""

    name: str
    max_input_tokens: int
    max_output_tokens: int
    thinking: Literal["off", "on", "always"]
    stream_only: bool
    thinking_needs_stream: bool
    cap_covers_thinking: bool
    efforts: tuple[str, ...]
    effort_or_budget: bool
    retired: bool
    rows: int
    row_tokens: int


@functools.cache
def load_models() -> dict[str, Model]:
    """Return every model of the table by name, in the table's order, the retired ones included."""
    return {name: _build_model(name, fields) for name, fields in _load_table()["models"].items()}


def list_models() -> list[str]:
    """Return the names of the models that are listed by default: those of the table that are not retired."""
    return [name for name, model in load_models().items() if not model.retired]


def is_retired(name: object, served: Sequence[str] | None = None) -> bool:
    """Return whether the model is a retired one that is not in `served`."""
    return served is None and isinstance(name, str) and name in load_models() and load_models()[name].retired


def find_model(name: object, served: Sequence[str] | None = None) -> Model | None:
    """Return the model of that name, or None if it is retired or not served; the prefix decides by default."""
    if not isinstance(name, str) or is_retired(name, served):
        return None
    is_served = name.startswith(SERVED_PREFIXES) if served is None else name in served
    return (load_models().get(name) or _build_model(name, {})) if is_served else None


@functools.cache
def _load_table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath("models.toml").read_text())


def _build_model(name: str, own_fields: dict[str, Any]) -> Model:
    fields = {**_load_table()["default"], **own_fields}
    return Model(name=name, **{**fields, "efforts": tuple(fields["efforts"])})
