"""The scale of `reasoning_effort`: its names by strength, and how many tokens each may think."""

import functools
from collections.abc import Sequence
from pathlib import Path

from qwen_gateway import datafile

NONE = "none"


@functools.cache
def scale() -> dict[str, int | None]:
    """Return the tokens of each effort, weakest first; None is without limit."""
    document = datafile.load(Path(__file__).parent, "efforts")
    return {effort["name"]: effort.get("tokens") for effort in document["efforts"]}


def nearest(effort: str, known: Sequence[str]) -> str:
    """Return the one of a model's efforts that is nearest to the one asked for; of two, the stronger.

    Whoever asks for thinking is not given `none`.
    """
    ranks = {name: rank for rank, name in enumerate(scale())}
    return min(
        (name for name in known if name != NONE),
        key=lambda name: (abs(ranks[name] - ranks[effort]), -ranks[name]),
    )


def within(tokens: int) -> str:
    """Return the weakest effort that may think so many tokens."""
    return next(name for name, limit in scale().items() if limit is None or limit >= tokens)
