"""What is known of each model, by section: one TOML file per provider and region.

Figures carry their source and date in the file, and are never repeated in code.
"""

import functools
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from qwen_gateway import datafile

_HERE = Path(__file__).parent


class Thinking(NamedTuple):
    """How a model thinks.

    `unasked` is what it does when a request says nothing; "always" cannot be switched off, "never" not on, None is
    not known. `controls` are the fields that it takes, `efforts` the values of its reasoning_effort (empty: not
    known), `capped_by` the output caps that limit thinking and answer together.
    """

    unasked: Literal["on", "off", "always", "never"] | None = None
    controls: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    capped_by: tuple[str, ...] = ()


class Quirks(NamedTuple):
    """What a provider wants otherwise than OpenAI.

    `roles` it does not know, with what is said instead; `drops` are fields that it does not know; with `json_word` a
    json_object request has to have the word in a message; `thinking_excludes` is what it refuses while a model
    thinks: `forced_tool`, `json_object`.
    """

    roles: Mapping[str, str] = {}
    drops: tuple[str, ...] = ()
    json_word: bool = False
    thinking_excludes: tuple[str, ...] = ()


class Model(NamedTuple):
    """One model of a provider. None is not known; limits are in tokens, `known_since` is its entry's date, an epoch."""

    id: str
    owned_by: str
    input_tokens: int
    output_tokens: int
    modalities: tuple[str, ...] | None
    known_since: int
    tools: bool | None = None
    json_schema: bool | None = None
    stream_only: bool = False
    thinking: Thinking = Thinking()
    quirks: Quirks = Quirks()


def sections() -> list[str]:
    """Return the names of all sections."""
    return datafile.names(_HERE)


@functools.cache
def section(name: str) -> dict[str, Model]:
    """Return the models of a section by their id, in the file's order.

    Raises:
        KeyError: there is no such section.
    """
    if name not in sections():
        raise KeyError(name)
    document = datafile.load(_HERE, name)
    return {model_id: _model(model_id, facts, document) for model_id, facts in document["models"].items()}


def cheapest(name: str) -> str:
    """Return the id of a section's cheapest model, for a call that is made to see whether one succeeds."""
    cheapest_id: str = datafile.load(_HERE, name)["cheapest"]
    return cheapest_id


def _model(model_id: str, facts: Mapping[str, Any], document: Mapping[str, Any]) -> Model:
    return Model(
        id=model_id,
        owned_by=document["owned_by"],
        input_tokens=facts["input_tokens"],
        output_tokens=facts["output_tokens"],
        modalities=tuple(facts["modalities"]) if "modalities" in facts else None,
        known_since=_epoch(facts.get("as_of", document["as_of"])),
        tools=facts.get("tools"),
        json_schema=facts.get("json_schema"),
        stream_only=facts.get("stream_only", False),
        thinking=Thinking(
            unasked=facts.get("thinking"),
            controls=tuple(facts.get("controls", ())),
            efforts=tuple(facts.get("efforts", ())),
            capped_by=tuple(facts.get("thinking_capped_by", ())),
        ),
        quirks=_quirks(document.get("quirks", {})),
    )


def _quirks(wanted: Mapping[str, Any]) -> Quirks:
    return Quirks(
        roles=wanted.get("roles", {}),
        drops=tuple(wanted.get("drops", ())),
        json_word=wanted.get("json_word", False),
        thinking_excludes=tuple(wanted.get("thinking_excludes", ())),
    )


def _epoch(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
