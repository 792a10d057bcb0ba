"""The exact cost of a call."""

from datetime import datetime
from decimal import Decimal

import pytest

from qwen_gateway import config
from qwen_gateway.config import ConfigurationError
from qwen_gateway.pricing import Cost, Prices, Unpriced
from qwen_gateway.pricing.cost import Bill, bill
from qwen_gateway.pricing.price_list import PriceList
from qwen_gateway.pricing.prices import convert
from qwen_gateway.routing import Target
from qwen_gateway.usage import Usage
from tests.hand_calculated_costs import CASES, Case, tokens

NOW = datetime.fromisoformat("2026-11-27T12:00:00+00:00").timestamp()
QWEN_PLUS = Target("dashscope", "qwen-plus")


def price_list(*entries: dict, **fields: object) -> PriceList:
    """Return a price list of the model `m`."""
    document = {"currency": "USD", "source": "a", "as_of": "2026-11-01", "models": {"m": entries}, **fields}
    return PriceList("list", document)


def total(prices: PriceList, at: str, tokens_in: int = 1_000_000) -> int | Unpriced:
    """Return the pico-units of a call at a time."""
    result = bill(Usage(tokens_in, 0), prices.current("m", datetime.fromisoformat(at).timestamp()))
    return result.total if isinstance(result, Bill) else result


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_cost_is_that_calculated_by_hand(case: Case) -> None:
    usage = Usage.parse(case.usage)
    if case.request.get("enable_search") and usage.searches is None:
        usage = usage._replace(searches=1)

    result = bill(usage, Prices(config.parse("")).current(Target(case.provider, case.model), NOW))

    if isinstance(result, Unpriced):
        assert (None, result.reason) == (case.cost, case.why)
    else:
        assert case.cost is not None
        assert result.total == round(case.cost * 1_000_000)


def test_the_parts_of_a_bill_are_told_apart() -> None:
    usage = Usage.parse(tokens(5_000, 100, thinking=60, cached_tokens=3_000, cache_creation_input_tokens=1_500))

    result = bill(usage, Prices(config.parse("")).current(QWEN_PLUS, NOW))

    assert isinstance(result, Bill)
    assert {item.kind: amount // 1_000_000 for item, amount in result.amounts} == {
        "input": 500 * 0.4,
        "cached": 3_000 * 0.08,
        "cache_write": 1_500 * 0.5,
        "output": 40 * 4,
        "thinking": 60 * 4,
    }


def test_a_new_price_holds_from_its_date_on() -> None:
    prices = price_list({"tiers": [{"input": 1}]}, {"effective": "2026-12-01", "tiers": [{"input": 2}]})

    assert total(prices, "2026-11-30T23:59:59.999+00:00") == 10**12
    assert total(prices, "2026-12-01T00:00:00+00:00") == 2 * 10**12


def test_a_price_may_change_at_midnight_of_another_time_zone() -> None:
    prices = price_list({"tiers": [{"input": 1}]}, {"effective": "2026-12-01T00:00:00+08:00", "tiers": [{"input": 2}]})

    assert total(prices, "2026-11-30T15:59:59+00:00") == 10**12
    assert total(prices, "2026-11-30T16:00:00+00:00") == 2 * 10**12


def test_a_model_has_no_price_before_its_first_date() -> None:
    prices = price_list({"effective": "2026-12-01", "tiers": [{"input": 2}]})

    assert total(prices, "2026-11-30T00:00:00+00:00") == Unpriced("no_price")


def test_where_sources_disagree_the_dearest_counts() -> None:
    prices = price_list({"tiers": [{"up_to": 10, "input": 1}, {"input": 3}]}, {"source": "b", "tiers": [{"input": 2}]})

    assert total(prices, "2026-11-01T00:00:00+00:00", 10) == 10 * 2 * 10**6
    assert total(prices, "2026-11-01T00:00:00+00:00", 11) == 11 * 3 * 10**6


def test_a_price_in_another_currency_is_converted_once_and_rounded_up() -> None:
    prices = Prices(config.parse('{"accounting": {"exchange_rates": {"CNY": 0.1401}}}'))

    cost = prices.cost(Target("dashscope-beijing", "qwen-plus"), Usage(1, 1), NOW)

    # 0.8 + 2 = 2.8 CNY per million; 2.8 * 0.1401 = 0.39228 USD per million.
    assert cost == Cost(392_280, "USD", "dashscope-beijing/qwen-plus@2026-11-01", "0.1401")


@pytest.mark.parametrize(
    ("amount", "rate", "converted"), [(1, "0.14", 1), (100, "0.14", 14), (101, "0.14", 15), (3, "1", 3)]
)
def test_a_conversion_never_rounds_down(amount: int, rate: str, converted: int) -> None:
    assert convert(amount, Decimal(rate)) == converted


def test_the_accounting_currency_may_be_cny() -> None:
    settings = '{"accounting": {"currency": "CNY", "exchange_rates": {"CNY": null, "USD": 7.1}}}'
    prices = Prices(config.parse(settings))

    # 0.4 USD per million is 2.84 CNY per million.
    assert prices.cost(QWEN_PLUS, Usage(1, 0), NOW) == Cost(
        2_840_000, "CNY", "dashscope-singapore/qwen-plus@2026-11-01", "7.1"
    )
    assert prices.cost(Target("dashscope-beijing", "qwen-flash"), Usage(1, 0), NOW) == Cost(
        150_000, "CNY", "dashscope-beijing/qwen-flash@2026-11-01"
    )


def test_a_price_without_an_exchange_rate_is_no_cost() -> None:
    prices = Prices(config.parse('{"accounting": {"exchange_rates": {"CNY": null}}}'))

    assert prices.cost(Target("dashscope-beijing", "qwen-plus"), Usage(1, 1), NOW) == Unpriced("no_exchange_rate")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"providers": {"dashscope": {"prices": "nowhere"}}}', "providers.dashscope.prices: 'nowhere' is none of: "),
        ('{"accounting": {"exchange_rates": {"CNY": 0}}}', "accounting.exchange_rates.CNY"),
        ('{"accounting": {"exchange_rates": {"CNY": "much"}}}', "accounting.exchange_rates.CNY"),
        ('{"accounting": {"exchange_rates": {"USD": 1}}}', "exchange_rates.USD: it is the accounting currency"),
        ('{"accounting": {"currency": "dollars"}}', "accounting.currency"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(settings: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("[", "\\[")):
        Prices(config.parse(settings))
