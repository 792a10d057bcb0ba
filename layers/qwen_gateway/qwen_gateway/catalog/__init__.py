"""What is known of each model, by section: one TOML file per provider and region.

Figures carry their source and date in the file, and are never repeated in code.
"""

import functools
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from qwen_gateway import datafile

_HERE = Path(__file__).parent


class Model(NamedTuple):
    """One model of a provider. Limits are in tokens, `known_since` is the epoch of the entry's date."""

    id: str
    owned_by: str
    input_tokens: int
    output_tokens: int
    modalities: tuple[str, ...]
    known_since: int


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
    return {
        model_id: Model(
            id=model_id,
            owned_by=document["owned_by"],
            input_tokens=facts["input_tokens"],
            output_tokens=facts["output_tokens"],
            modalities=tuple(facts.get("modalities", ("text",))),
            known_since=_epoch(facts.get("as_of", document["as_of"])),
        )
        for model_id, facts in document["models"].items()
    }


def _epoch(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
