"""The units that providers bill, listed once: price lists, costs, bounds and reports all follow this list."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from qwen_gateway.usage import Usage

TOKENS = 1_000_000
"""A price list states prices per million tokens."""
CALLS = 1_000
"""A price list states fees per thousand calls."""


class Unit(NamedTuple):
    """Something that is billed.

    Attributes:
        name: its field in a price list.
        per: the quantity for which a price list states the price.
        fallback: the unit whose price holds where this one has none; it is never cheaper. None: the call is unpriced.
    """

    name: str
    per: int = TOKENS
    fallback: str | None = None


INPUT = Unit("input")
CACHE_HIT = Unit("cache_hit", fallback="input")
"""Input read from the implicit cache."""
CACHE_HIT_EXPLICIT = Unit("cache_hit_explicit", fallback="cache_hit")
CACHE_WRITE = Unit("cache_write")
"""Input written to the explicit cache for 5 minutes. It costs more than other input."""
CACHE_WRITE_1H = Unit("cache_write_1h")
OUTPUT = Unit("output")
OUTPUT_THINKING = Unit("output_thinking", fallback="output")
"""All output of a request that thought, its answer included."""
WEB_SEARCH = Unit("web_search", per=CALLS)

TOKEN_UNITS = {
    unit.name: unit
    for unit in (INPUT, CACHE_HIT, CACHE_HIT_EXPLICIT, CACHE_WRITE, CACHE_WRITE_1H, OUTPUT, OUTPUT_THINKING)
}
FEES = {WEB_SEARCH.name: WEB_SEARCH}
UNITS = TOKEN_UNITS | FEES

_EXPLICIT_CACHE = "ephemeral"
"""DashScope's `cache_type` of the explicit cache; it reports none for the implicit one."""


def count_searches(usage: Usage, body: Mapping[str, Any]) -> Usage:
    """Return the usage with one web search if the request enabled it and the provider does not report how many."""
    is_unknown = usage.searches is None and usage.tokens_in is not None
    return usage._replace(searches=1) if is_unknown and body.get("enable_search") else usage


class Item(NamedTuple):
    """A line of a bill: a kind (`input`, `cached`, `cache_write`, `output`, `thinking`, `fees`) and its quantity."""

    kind: str
    unit: Unit
    quantity: int


def billed_items(usage: Usage) -> list[Item] | None:
    """Return what a call used, or None if the provider did not report its input and output.

    Where a report contradicts itself, the larger figure counts: a discount for more cached tokens than there are input
    tokens does not apply, and output is never less than the thinking in it.
    """
    tokens_in, tokens_out = usage.tokens_in, usage.tokens_out
    if not tokens_in or tokens_out is None:
        return None
    written = min(usage.tokens_cache_write or 0, tokens_in)
    written_1h = min(usage.tokens_cache_write_1h or 0, written)
    cached = usage.tokens_cached or 0
    if cached + written > tokens_in:
        cached = 0
    thinking = usage.tokens_thinking or 0
    output = OUTPUT_THINKING if thinking or usage.thought else OUTPUT
    items = [
        Item("input", INPUT, tokens_in - cached - written),
        Item("cached", CACHE_HIT_EXPLICIT if usage.cache_type == _EXPLICIT_CACHE else CACHE_HIT, cached),
        Item("cache_write", CACHE_WRITE, written - written_1h),
        Item("cache_write", CACHE_WRITE_1H, written_1h),
        Item("output", output, max(tokens_out - thinking, 0)),
        Item("thinking", output, thinking),
        Item("fees", WEB_SEARCH, usage.searches or 0),
    ]
    return [item for item in items if item.quantity]
