"""The model catalog: one section, a TOML file, per provider and region.

Figures have their source and date in the file, and are never repeated in code.
"""

import functools
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from qwen_gateway import datafile

_HERE = Path(__file__).parent


class Thinking(NamedTuple):
    """How a model thinks.

    Attributes:
        default: without a control in the request; "always" cannot be turned off, "never" not on, None is unknown.
        controls: the request fields that it accepts.
        efforts: the values of reasoning_effort that it accepts; empty if unknown.
        capped_by: the output caps that limit thinking and answer together.
        max_tokens: the most tokens of thinking; None if unknown.
    """

    default: Literal["on", "off", "always", "never"] | None = None
    controls: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    capped_by: tuple[str, ...] = ()
    max_tokens: int | None = None


class Range(NamedTuple):
    """The values of a field that a model accepts, where they differ from OpenAI's.

    Attributes:
        above: values up to this one are rejected; `lowest` replaces them.
        below: values from this one are rejected; `highest` replaces them.
    """

    above: float = -math.inf
    lowest: float = -math.inf
    below: float = math.inf
    highest: float = math.inf

    def nearest(self, value: float) -> float:
        """Return the accepted value that is nearest."""
        if value <= self.above:
            return self.lowest
        return self.highest if value >= self.below else value


class Quirks(NamedTuple):
    """Differences from OpenAI's API.

    Attributes:
        roles: roles that are rejected, with their replacements.
        drops: fields that are rejected and may be dropped without a change of the answer.
        json_word: whether a json_object request needs the word "json" in a message.
        thinking_excludes: what is rejected while a model thinks: `forced_tool`, `json_object`.
        ranges: the values of numeric fields that are accepted.
    """

    roles: Mapping[str, str] = {}
    drops: tuple[str, ...] = ()
    json_word: bool = False
    thinking_excludes: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = {}


class Retirement(NamedTuple):
    """When the provider stops serving a model, and the model that it recommends instead, if it names one."""

    date: datetime
    successor: str | None


class Embedding(NamedTuple):
    """How a model gives embeddings.

    Attributes:
        rows: the most rows of one call.
        row_tokens: the most tokens of one row.
        dimensions: the lengths of vector that can be asked for, the default first.
        token_ids: whether it takes token ids in place of texts.
    """

    rows: int | None = None
    row_tokens: int | None = None
    dimensions: tuple[int, ...] = ()
    token_ids: bool = True


class Model(NamedTuple):
    """A model of a provider. None is unknown; limits are in tokens; `created` is its entry's date in epoch seconds.

    `image_tokens` is the most that one image counts. `embedding` is None for a model that gives none.
    """

    id: str
    owned_by: str
    input_tokens: int | None
    output_tokens: int | None
    modalities: tuple[str, ...] | None
    created: int
    tools: bool | None = None
    json_schema: bool | None = None
    thinking: Thinking = Thinking()
    quirks: Quirks = Quirks()
    retirement: Retirement | None = None
    image_tokens: int | None = None
    embedding: Embedding | None = None


def sections() -> list[str]:
    """Return the names of the sections."""
    return datafile.names(_HERE)


@functools.cache
def section(name: str) -> dict[str, Model]:
    """Return the models of a section by id, in the order of the file.

    Raises:
        KeyError: there is no such section.
    """
    if name not in sections():
        raise KeyError(name)
    document = datafile.load(_HERE, name)
    return {model_id: _model(model_id, facts, document) for model_id, facts in document["models"].items()}


def test_model(name: str) -> str:
    """Return the id of a cheap model of a section that every region has, for test calls."""
    model_id: str = datafile.load(_HERE, name)["test_model"]
    return model_id


def _model(model_id: str, facts: Mapping[str, Any], document: Mapping[str, Any]) -> Model:
    return Model(
        id=model_id,
        owned_by=document["owned_by"],
        input_tokens=facts.get("input_tokens"),
        output_tokens=facts.get("output_tokens"),
        modalities=tuple(facts["modalities"]) if "modalities" in facts else None,
        created=_epoch(facts.get("as_of", document["as_of"])),
        tools=facts.get("tools"),
        json_schema=facts.get("json_schema"),
        thinking=Thinking(
            default=facts.get("thinking"),
            controls=tuple(facts.get("controls", ())),
            efforts=tuple(facts.get("efforts", ())),
            capped_by=tuple(facts.get("thinking_capped_by", ())),
            max_tokens=facts.get("thinking_tokens"),
        ),
        quirks=_quirks(document.get("quirks", {})),
        retirement=_retirement(facts),
        image_tokens=facts.get("image_tokens", document.get("image_tokens")),
        embedding=_embedding(facts.get("embedding")),
    )


def _embedding(facts: Mapping[str, Any] | None) -> Embedding | None:
    return Embedding(**{**facts, "dimensions": tuple(facts["dimensions"])}) if facts else None


def _retirement(facts: Mapping[str, Any]) -> Retirement | None:
    if "retires" not in facts:
        return None
    return Retirement(datetime.fromisoformat(facts["retires"]), facts.get("successor"))


def _quirks(facts: Mapping[str, Any]) -> Quirks:
    return Quirks(
        roles=facts.get("roles", {}),
        drops=tuple(facts.get("drops", ())),
        json_word=facts.get("json_word", False),
        thinking_excludes=tuple(facts.get("thinking_excludes", ())),
        ranges={field: Range(**limits) for field, limits in facts.get("ranges", {}).items()},
    )


def _epoch(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
