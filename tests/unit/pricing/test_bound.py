"""The upper bound of a request: no usage that the provider can report for it costs more."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qwen_gateway import catalog, config
from qwen_gateway.catalog import Thinking
from qwen_gateway.dialect import adapt_request
from qwen_gateway.pricing import Cost, Prices, Unpriced
from qwen_gateway.pricing.bound import Bound, RequestLimits, upper_bound
from qwen_gateway.pricing.chat_limits import chat_limits
from qwen_gateway.pricing.cost import Bill, bill
from qwen_gateway.pricing.price_list import names, price_list
from qwen_gateway.pricing.request_limits import Unbounded
from qwen_gateway.pricing.units import CACHE_WRITE, CACHE_WRITE_1H
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage
from tests.builders import chat_request, model

NOW = 1_795_780_800.0
PRICED = [(name, model_name) for name in names() for model_name in price_list(name).models]
CACHED = [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]
CACHED_1H = [
    {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
]
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/i.png"}}
VIDEO = {"type": "video_url", "video_url": {"url": "https://example.com/v.mp4"}}


@st.composite
def usages(draw: st.DrawFn, limits: RequestLimits) -> Usage:
    """Draw a usage that a provider can report for a request with these limits."""
    tokens_in = draw(st.integers(1, limits.tokens_in))
    tokens_out = draw(st.integers(0, limits.tokens_out))
    written = draw(st.integers(0, tokens_in)) if limits.cache_writes else 0
    written_1h = draw(st.integers(0, written)) if CACHE_WRITE_1H in limits.cache_writes else 0
    return Usage(
        tokens_in,
        tokens_out,
        tokens_cached=draw(st.integers(0, tokens_in)),
        tokens_cache_write=written,
        tokens_cache_write_1h=written_1h,
        tokens_thinking=draw(st.integers(0, tokens_out)) if limits.may_think else 0,
        cache_type=draw(st.sampled_from([None, "ephemeral", "of tomorrow"])),
    )


@given(st.data(), st.sampled_from(PRICED))
def test_no_usage_within_the_limits_costs_more_than_the_bound(data: st.DataObject, priced: tuple[str, str]) -> None:
    writes = data.draw(st.sampled_from([frozenset(), {CACHE_WRITE}, {CACHE_WRITE, CACHE_WRITE_1H}]))
    limits = RequestLimits(
        tokens_in=data.draw(st.integers(1, 1_000_000)),
        tokens_out=data.draw(st.integers(0, 400_000)),
        may_think=data.draw(st.booleans()),
        cache_writes=frozenset(writes),
    )
    prices = price_list(priced[0]).current(priced[1], NOW)
    bound = upper_bound(limits, prices)
    assume(isinstance(bound, Bound))

    cost = bill(data.draw(usages(limits)), prices)

    assert isinstance(bound, Bound)
    assert isinstance(cost, Bill)  # What has a bound has a price.
    assert cost.total <= bound.amount


@given(
    tokens_in=st.integers(1, 1_000_000), tokens_out=st.integers(0, 400_000), rate=st.decimals("0.0001", 20, places=6)
)
def test_the_bound_holds_after_the_conversion(tokens_in: int, tokens_out: int, rate: Any) -> None:
    prices = Prices(config.parse("", {"accounting": {"exchange_rates": {"CNY": str(rate)}}}))
    target = Target("dashscope-beijing", "qwen-plus")

    bound = prices.bound(target, RequestLimits(tokens_in, tokens_out), NOW)
    cost = prices.cost(target, Usage(tokens_in, tokens_out), NOW)

    assert isinstance(bound, Cost)
    assert isinstance(cost, Cost)
    assert cost.amount <= bound.amount


texts = st.text(st.characters(codec="utf-8"), max_size=40)
"""Any text, combining and musical characters included."""
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "tool"]), "content": texts}),
    min_size=1,
    max_size=4,
)


@given(messages, st.lists(st.fixed_dictionaries({"name": texts, "description": texts}), max_size=2))
def test_the_input_limit_covers_every_byte_after_normalization(said: Any, functions: Any) -> None:
    """A byte-level tokenizer gives at most one token per byte of the text that the chat template makes."""
    tools = [{"type": "function", "function": function} for function in functions]
    body = chat_request(messages=said, tools=tools, max_tokens=1)

    limits = chat_limits(body, model(input_tokens=10_000_000))

    assert isinstance(limits, RequestLimits)
    rendered = "".join(f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in said)
    rendered += "".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    special = "<|im_start|>", "<|im_end|>"
    for token in special:
        rendered = rendered.replace(token, "\x00")
    assert len(unicodedata.normalize("NFC", rendered).encode()) <= limits.tokens_in


def limits_of(facts: dict[str, Any] | None = None, **fields: Any) -> RequestLimits | Unbounded:
    return chat_limits(chat_request(**fields), model(**(facts or {})))


def test_normalization_can_lengthen_a_text() -> None:
    quarter_note = "\U0001d160"
    assert len(unicodedata.normalize("NFC", quarter_note).encode()) == 3 * len(quarter_note.encode())

    short = limits_of(messages=[{"role": "user", "content": ""}], max_tokens=1)
    long = limits_of(messages=[{"role": "user", "content": quarter_note}], max_tokens=1)

    assert isinstance(short, RequestLimits)
    assert isinstance(long, RequestLimits)
    assert long.tokens_in - short.tokens_in == 12


def test_the_input_is_never_more_than_the_model_takes() -> None:
    limits = limits_of({"input_tokens": 500}, messages=[{"role": "user", "content": "x" * 10_000}], max_tokens=1)

    assert isinstance(limits, RequestLimits)
    assert limits.tokens_in == 500


@pytest.mark.parametrize(
    ("parts", "facts", "tokens"),
    [
        ([IMAGE, IMAGE], {"image_tokens": 16_384}, 32_768),
        ([IMAGE], {}, 900_000),
        ([VIDEO], {"image_tokens": 16_384}, 900_000),
        ([{"type": "hologram"}], {"image_tokens": 16_384}, 900_000),
    ],
    ids=["images", "images without a limit", "video", "unknown"],
)
def test_media_count_their_limit_or_else_the_models(parts: list, facts: dict[str, Any], tokens: int) -> None:
    limits = limits_of({"input_tokens": 900_000, **facts}, messages=[{"role": "user", "content": parts}], max_tokens=1)

    assert isinstance(limits, RequestLimits)
    assert tokens <= limits.tokens_in < tokens + 2_000


def test_the_bytes_of_an_image_are_not_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    limits = limits_of({"image_tokens": 16_384}, messages=[{"role": "user", "content": [image]}], max_tokens=1)

    assert isinstance(limits, RequestLimits)
    assert limits.tokens_in < 20_000


COVERED = Thinking(
    "on", ("enable_thinking", "thinking_budget"), capped_by=("max_completion_tokens",), max_tokens=80_000
)


@pytest.mark.parametrize(
    ("thinking", "fields", "expected"),
    [
        (Thinking("never"), {"max_tokens": 100}, (100, False)),
        (Thinking("off"), {"max_tokens": 100}, (100, False)),
        (Thinking("off"), {"max_tokens": 100, "n": 3}, (300, False)),
        (Thinking("off"), {}, (8_192, False)),
        (Thinking("off"), {"max_tokens": 100_000}, (8_192, False)),
        (COVERED, {"max_tokens": 100}, (80_100, True)),
        (COVERED, {"max_tokens": 100, "enable_thinking": False}, (100, False)),
        (COVERED, {"max_tokens": 100, "thinking_budget": 50}, (150, True)),
        (COVERED, {"max_completion_tokens": 100}, (100, True)),
        (COVERED, {"max_completion_tokens": 100, "max_tokens": 7, "n": 2}, (200, True)),
        (Thinking("off", max_tokens=10), {"max_tokens": 100, "enable_thinking": True}, (110, True)),
        (Thinking("off", max_tokens=10), {"max_tokens": 100, "thinking_budget": 5}, (105, True)),
        (Thinking(), {"max_tokens": 100, "enable_thinking": False}, (100, False)),
        (Thinking("always", max_tokens=10), {"max_tokens": 100, "enable_thinking": False}, (110, True)),
    ],
)
def test_the_output_counts_thinking_where_the_request_can_think(
    thinking: Thinking, fields: dict[str, Any], expected: tuple[int, bool]
) -> None:
    limits = limits_of({"thinking": thinking}, **fields)

    assert isinstance(limits, RequestLimits)
    assert (limits.tokens_out, limits.may_think) == expected


@pytest.mark.parametrize(
    ("facts", "fields", "reason"),
    [
        ({}, {"enable_search": True}, "web_search"),
        ({}, {"search_options": {"forced_search": True}}, "web_search"),
        ({}, {"tools": [{"type": "web_search"}]}, "web_search"),
        ({"output_tokens": None}, {}, "output"),
        ({"thinking": Thinking("on")}, {"max_tokens": 100}, "thinking"),
        ({"input_tokens": None}, {"messages": [{"role": "user", "content": [VIDEO]}], "max_tokens": 1}, "input"),
    ],
)
def test_a_request_without_a_limit_has_no_bound(facts: dict[str, Any], fields: dict[str, Any], reason: str) -> None:
    assert limits_of(facts, **fields) == Unbounded(reason)


def test_a_model_without_a_catalog_entry_has_no_bound() -> None:
    assert chat_limits(chat_request(max_tokens=1), None) == Unbounded("model")


@pytest.mark.parametrize(
    ("sent", "writes"),
    [
        ([{"role": "user", "content": "no cache_control here"}], set()),
        (CACHED, {CACHE_WRITE}),
        (CACHED_1H, {CACHE_WRITE, CACHE_WRITE_1H}),
    ],
)
def test_cache_writes_count_where_the_request_asks_for_them(sent: list, writes: set) -> None:
    limits = limits_of(messages=sent, max_tokens=1)

    assert isinstance(limits, RequestLimits)
    assert limits.cache_writes == writes


def test_a_write_that_has_no_price_has_no_bound() -> None:
    limits = RequestLimits(10, 10, cache_writes=frozenset({CACHE_WRITE}))

    result = upper_bound(limits, price_list("dashscope-singapore").current("qwen3.5-plus", NOW))

    assert result == Unpriced("no_price_of_cache_write")


def test_the_bound_takes_the_dearest_tier_that_can_be_reached() -> None:
    """qwen-plus up to 256,000 tokens: 256,000 * 0.5 + 8,192 * 1.2; above: 300,000 * 1.5 + 8,192 * 3.6, with writes."""
    prices = price_list("dashscope-singapore").current("qwen-plus", NOW)
    writes = frozenset({CACHE_WRITE})

    within = upper_bound(RequestLimits(256_000, 8_192, cache_writes=writes), prices)
    beyond = upper_bound(RequestLimits(300_000, 8_192, cache_writes=writes), prices)

    assert isinstance(within, Bound)
    assert isinstance(beyond, Bound)
    assert within.amount == (256_000 * 500_000 + 8_192 * 1_200_000)
    assert beyond.amount == (300_000 * 1_500_000 + 8_192 * 3_600_000)


def test_every_model_of_the_catalog_has_a_bound_for_a_plain_request() -> None:
    singapore = catalog.section("dashscope-intl")
    plain = {
        name: chat_limits(adapt_request(chat_request(max_tokens=100, enable_thinking=False), facts).body, facts)
        for name, facts in singapore.items()
        if facts.thinking.default != "always" and not facts.embedding
    }

    assert [name for name, limits in plain.items() if isinstance(limits, Unbounded)] == []
