"""Costs calculated by hand: what a provider reports, and what it charges, with the arithmetic in plain sight.

Amounts are in millionths of the price's currency, because prices are per million tokens: 1,000 tokens at 0.4 are 400.
"""

from typing import Any, NamedTuple


class Case(NamedTuple):
    """A report of a provider for a call of a model, and its cost in millionths of the price list's currency.

    `cost` is None for a call that is unpriced; `why` says why.
    """

    name: str
    provider: str
    model: str
    usage: dict[str, Any]
    cost: float | None
    why: str = ""
    request: dict[str, Any] = {}


def tokens(tokens_in: int, tokens_out: int, *, thinking: int = 0, **prompt: Any) -> dict[str, Any]:
    """Return DashScope's `usage` object."""
    usage: dict[str, Any] = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }
    if prompt:
        usage["prompt_tokens_details"] = prompt
    if thinking:
        usage["completion_tokens_details"] = {"reasoning_tokens": thinking}
    return usage


DEFAULT_PROVIDER = SINGAPORE = "dashscope"
GLOBAL, BEIJING = "dashscope-virginia", "dashscope-beijing"
EXPLICIT: dict[str, Any] = {"cache_type": "ephemeral"}

CASES = [
    # One price.
    Case("one price", SINGAPORE, "qwen4-max", tokens(1_000, 500), 1_000 * 1.5 + 500 * 4.5),
    Case("thinking at the price of output", SINGAPORE, "qwen4-max", tokens(1_000, 500, thinking=400), 1_000 * 1.5 + 500 * 4.5),
    Case("no output", SINGAPORE, "qwen4-max", tokens(1_000, 0), 1_000 * 1.5),
    Case("a fraction of a cent", SINGAPORE, "qwen-flash", tokens(1, 1), 0.05 + 0.4),
    # The input chooses one tier for the whole request.
    Case("first tier, one below", SINGAPORE, "qwen-plus", tokens(255_999, 10), 255_999 * 0.4 + 10 * 1.2),
    Case("first tier, at the limit", SINGAPORE, "qwen-plus", tokens(256_000, 10), 256_000 * 0.4 + 10 * 1.2),
    Case("second tier, one above", SINGAPORE, "qwen-plus", tokens(256_001, 10), 256_001 * 1.2 + 10 * 3.6),
    Case("third of four tiers", SINGAPORE, "qwen3-coder-flash", tokens(200_000, 100), 200_000 * 0.8 + 100 * 4),
    Case("last of four tiers", SINGAPORE, "qwen3-coder-flash", tokens(256_001, 100), 256_001 * 1.6 + 100 * 9.6),
    Case("a tier without a limit", SINGAPORE, "qwen3-vl-plus", tokens(260_096, 1), 260_096 * 0.6 + 4.8),
    # A thinking price holds for all output.
    Case("thinking has a price", SINGAPORE, "qwen-plus", tokens(1_000, 500, thinking=300), 1_000 * 0.4 + 500 * 4),
    Case("thinking in the second tier", SINGAPORE, "qwen-plus", tokens(300_000, 500, thinking=1), 300_000 * 1.2 + 500 * 12),
    Case("a switch that is on, but no thinking", SINGAPORE, "qwen-plus", tokens(1_000, 500), 1_000 * 0.4 + 500 * 1.2, request={"enable_thinking": True}),
    # Caches.
    Case("implicit hit", SINGAPORE, "qwen-plus", tokens(2_000, 10, cached_tokens=1_500), 500 * 0.4 + 1_500 * 0.08 + 10 * 1.2),
    Case("explicit hit", SINGAPORE, "qwen-plus", tokens(2_000, 10, cached_tokens=1_500, **EXPLICIT), 500 * 0.4 + 1_500 * 0.04 + 10 * 1.2),
    Case("explicit write", SINGAPORE, "qwen-plus", tokens(2_000, 10, cache_creation_input_tokens=1_200, **EXPLICIT), 800 * 0.4 + 1_200 * 0.5 + 10 * 1.2),
    Case("hit and write", SINGAPORE, "qwen3.7-max", tokens(5_000, 10, cached_tokens=3_000, cache_creation_input_tokens=1_500, **EXPLICIT), 500 * 2.5 + 3_000 * 0.25 + 1_500 * 3.125 + 10 * 7.5),
    Case("write for an hour", SINGAPORE, "qwen4-max", tokens(5_000, 10, cache_creation_input_tokens=4_000, cache_creation={"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 3_000}, **EXPLICIT), 1_000 * 1.5 + 1_000 * 1.875 + 3_000 * 3 + 10 * 4.5),
    Case("one price for both kinds of hit", SINGAPORE, "qwen4-max", tokens(2_000, 10, cached_tokens=2_000, **EXPLICIT), 2_000 * 0.075 + 10 * 4.5),
    Case("a hit without a price costs as input", SINGAPORE, "qwen3.5-plus", tokens(2_000, 10, cached_tokens=1_500), 2_000 * 0.4 + 10 * 2.4),
    Case("the whole input chooses the tier, cached or not", SINGAPORE, "qwen3.7-plus", tokens(300_000, 10, cached_tokens=299_000), 1_000 * 1.2 + 299_000 * 0.24 + 10 * 4.8),
    # Regions, scopes and currencies.
    Case("Virginia is cheaper than Singapore", GLOBAL, "qwen-plus", tokens(1_000, 500), 1_000 * 0.115 + 500 * 0.287),
    Case("a price of four decimals", GLOBAL, "qwen-flash", tokens(1_000, 500, cached_tokens=999), 0.022 + 999 * 0.0044 + 500 * 0.216),
    Case("Beijing charges in CNY", BEIJING, "qwen-plus", tokens(1_000, 500), 1_000 * 0.8 + 500 * 2),
    Case("Beijing's first tier ends earlier", BEIJING, "qwen-plus", tokens(128_001, 500), 128_001 * 2.4 + 500 * 20),
    Case("Beijing's last tier, thinking", BEIJING, "qwen-plus", tokens(256_001, 500, thinking=500), 256_001 * 4.8 + 500 * 64),
    Case("Beijing's implicit hit", BEIJING, "qwen3.7-max", tokens(1_000, 100, cached_tokens=600), 400 * 12 + 600 * 2.4 + 100 * 36),
    Case("a web search, counted", BEIJING, "qwen-plus", tokens(1_000, 500) | {"plugins": {"search": {"count": 2}}}, 1_000 * 0.8 + 500 * 2 + 2 * 4_000, request={"enable_search": True}),
    Case("a web search, not counted", BEIJING, "qwen-plus", tokens(1_000, 500), 1_000 * 0.8 + 500 * 2 + 4_000, request={"enable_search": True}),
    Case("a reseller", "holysheep", "qwen2.5-max", tokens(1_000, 500), 1_000 * 1 + 500 * 2),
    # Reports that contradict themselves: the larger figure counts.
    Case("more cached than input", SINGAPORE, "qwen-plus", tokens(1_000, 10, cached_tokens=1_001), 1_000 * 0.4 + 10 * 1.2),
    Case("more thinking than output", SINGAPORE, "qwen-plus", tokens(1_000, 10, thinking=30), 1_000 * 0.4 + 30 * 4),
    Case("unknown details", SINGAPORE, "qwen-plus", tokens(1_000, 10, text_tokens=999, holograms=7), 1_000 * 0.4 + 10 * 1.2),
    Case("counts as text", SINGAPORE, "qwen-plus", {"prompt_tokens": "1000", "completion_tokens": "10"}, 1_000 * 0.4 + 10 * 1.2),
    # What is not known is never zero.
    Case("no usage", SINGAPORE, "qwen-plus", {}, None, "no_usage"),
    Case("no input", SINGAPORE, "qwen-plus", {"completion_tokens": 10}, None, "no_usage"),
    Case("no output reported", SINGAPORE, "qwen-plus", {"prompt_tokens": 10}, None, "no_usage"),
    Case("an input of zero", SINGAPORE, "qwen-plus", tokens(0, 0), None, "no_usage"),
    Case("negative counts", SINGAPORE, "qwen-plus", tokens(-5, 10), None, "no_usage"),
    Case("null counts", SINGAPORE, "qwen-plus", {"prompt_tokens": None, "completion_tokens": None}, None, "no_usage"),
    Case("a model without a price", BEIJING, "qwen4-max", tokens(1_000, 10), None, "no_price"),
    Case("a write without a price", SINGAPORE, "qwen3.5-plus", tokens(2_000, 10, cache_creation_input_tokens=1_200), None, "no_price_of_cache_write"),
    Case("a thinking price that is not published", GLOBAL, "qwen-plus", tokens(1_000, 10, thinking=5), None, "no_price_of_output_thinking"),
    Case("a length that only one source prices", GLOBAL, "qwen-plus", tokens(128_001, 10), None, "no_price_of_this_length"),
    Case("a search without a price", SINGAPORE, "qwen-plus", tokens(1_000, 10), None, "no_price_of_web_search", request={"enable_search": True}),
    Case("a model of Virginia's scope US", GLOBAL, "qwen-plus-us", tokens(1_000, 10), None, "no_price"),
    Case("a provider without prices", "dashscope-hongkong", "qwen-plus", tokens(1_000, 10), None, "no_price"),
]  # fmt: skip
