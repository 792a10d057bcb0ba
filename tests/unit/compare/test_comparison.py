"""The cost of a load with each offer, and the savings."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from qwen_gateway import catalog, config
from qwen_gateway.amounts import to_decimal
from qwen_gateway_cli.compare import article
from qwen_gateway_cli.compare.comparison import Comparison, Load, Row, compare, saved_share
from qwen_gateway_cli.compare.offers import Offer, list_offers
from tests.builders.comparison import LOAD, NOW, create_exchange, create_offer


def compare_offers(*offers: Offer, load: Load = LOAD) -> Comparison:
    return compare(load, offers, create_exchange())


def find_reason(offer: Offer, load: Load = LOAD) -> str:
    comparison = compare_offers(offer, load=load)
    assert comparison.rows == []
    return comparison.omissions[0].reason


def test_a_day_of_the_articles_example_costs_what_its_prices_say() -> None:
    # 10,000 requests of 500 tokens are 5 million tokens of input, 10,000 of 300 are 3 million of output.
    expected = {
        "dashscope/qwen2.5-max": ("CNY", 5 * 6 + 3 * 12),
        "holysheep/qwen2.5-max": ("CNY", 5 * 1 + 3 * 2),
        "openai/gpt-4.1": ("USD", 5 * 8 + 3 * 32),
        "anthropic/claude-sonnet-4-5": ("USD", 5 * 15 + 3 * 75),
        "deepseek/deepseek-v3.2": ("USD", Decimal("2.10") + Decimal("5.04")),
    }
    assert [figure for _, figure in expected.values()] == [66, 11, 136, 300, Decimal("7.14")]

    comparison = compare_offers(*article.list_offers(NOW))

    listed = {row.offer.name: (row.price.currency, to_decimal(row.listed_day)) for row in comparison.rows}
    assert listed == expected
    converted = {row.offer.name: to_decimal(row.day) for row in comparison.rows}
    assert converted["dashscope/qwen2.5-max"] == 66 * Decimal("0.14")
    assert converted["openai/gpt-4.1"] == 136


def test_a_month_is_30_days_and_a_year_365() -> None:
    (row,) = compare_offers(create_offer(input=2, output=4)).rows

    assert (to_decimal(row.day), to_decimal(row.month), to_decimal(row.year)) == (22, 22 * 30, 22 * 365)


def test_savings_are_a_share_of_the_base_and_negative_for_what_costs_more() -> None:
    comparison = compare_offers(*article.list_offers(NOW))
    base, cheaper, dearer = map(
        comparison.find, ("dashscope/qwen2.5-max", "holysheep/qwen2.5-max", "anthropic/claude-sonnet-4-5")
    )

    assert base
    assert cheaper
    assert dearer
    assert saved_share(cheaper, base) == Fraction(66 - 11, 66)
    assert saved_share(base, base) == 0
    assert saved_share(dearer, base) == (Fraction(924, 100) - 300) / Fraction(924, 100)


def test_nothing_can_be_saved_against_what_is_free() -> None:
    base, row = compare_offers(create_offer("free", input=0, output=0), create_offer("m", input=1, output=1)).rows

    assert base.offer.model == "free"
    assert saved_share(row, base) is None


def test_the_cheapest_comes_first_in_the_currency_of_the_comparison() -> None:
    comparison = compare_offers(
        create_offer("usd", input=1, output=1), create_offer("cny", currency="CNY", input=7, output=7),
        create_offer("same", input=1, output=1),
    )  # fmt: skip

    # 7 CNY are 0.98 USD.
    assert [row.offer.model for row in comparison.rows] == ["cny", "same", "usd"]


def test_amounts_can_be_in_another_currency() -> None:
    offers = [create_offer("usd", input=1, output=1), create_offer("cny", currency="CNY", input=1, output=1)]

    comparison = compare(LOAD, offers, create_exchange("CNY", cny=0.125))

    assert {row.offer.model: to_decimal(row.day) for row in comparison.rows} == {"cny": 8, "usd": 64}


def test_a_conversion_is_rounded_up_to_a_pico_unit() -> None:
    exchange = create_exchange("CNY", cny=0.3)

    assert exchange.convert(1, "USD") == 4
    assert exchange.convert(3, "USD") == 10
    assert exchange.convert(3, "CNY") == 3


@pytest.mark.parametrize(
    ("offer", "load", "reason"),
    [
        (create_offer(), LOAD, "no price"),
        (create_offer(input=1), LOAD, "no price of output"),
        (create_offer(input=1, output=1, up_to=499), LOAD, "no price for 500 tokens of input"),
        (create_offer(input=1, output=1, input_tokens=499), LOAD, "accepts at most 499 tokens of input"),
        (create_offer(currency="EUR", input=1, output=1), LOAD, "gateway.toml has no exchange rate from EUR to USD"),
        (create_offer(input=1, output=1, retired=datetime(2026, 10, 10, tzinfo=UTC)), LOAD, "retired on 2026-10-10"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_offer_without_a_cost_has_a_reason_instead_of_a_row(offer: Offer, load: Load, reason: str) -> None:
    assert find_reason(offer, load) == reason


def test_a_limit_includes_its_own_number() -> None:
    assert len(compare_offers(create_offer(input=1, output=1, up_to=500, input_tokens=500)).rows) == 1


def test_an_embedding_model_is_priced_for_a_load_without_output() -> None:
    (row,) = compare_offers(create_offer(input=0.07), load=Load(10_000, 500, 0)).rows

    assert to_decimal(row.day) == Decimal("0.35")


def test_every_model_of_every_price_list_is_an_offer() -> None:
    offers = {offer.name: offer for offer in list_offers(config.parse(""), NOW)}

    assert offers["dashscope-singapore/qwen-plus"].prices
    assert offers["dashscope-beijing-batch/qwen-plus"].prices
    assert offers["holysheep/qwen2.5-max"].prices
    assert offers["dashscope-beijing/qwen4-max"].prices == ()


def test_a_model_is_retired_from_the_date_of_the_catalog_on() -> None:
    def find_retired(date: str) -> set[str]:
        at = datetime.fromisoformat(date).timestamp()
        return {offer.name for offer in list_offers(config.parse(""), at) if offer.retired}

    assert find_retired("2026-10-09T23:59:59+08:00") == set()
    retired = find_retired("2026-10-10T00:00:00+08:00")
    assert {"dashscope-singapore/qwen3-max", "dashscope-beijing/qwen3-max"} <= retired
    assert "dashscope-beijing-batch/qwen3-max" in retired
    assert "dashscope-singapore/qwen-plus" not in retired


def test_a_model_that_one_section_of_the_catalog_still_has_is_not_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"providers": {"dashscope-beijing": {"prices": "dashscope-singapore"}}}
    live = catalog.section("dashscope-cn") | {"qwen3-max": catalog.section("dashscope-cn")["qwen-plus"]}
    retired = catalog.section("dashscope-intl")
    monkeypatch.setattr(catalog, "section", {"dashscope-cn": live, "dashscope-intl": retired}.__getitem__)

    offers = {offer.name: offer for offer in list_offers(config.parse("", changes), NOW)}

    assert offers["dashscope-singapore/qwen3-max"].retired is None
    assert offers["dashscope-singapore/qwq-plus"].retired


def test_the_owners_price_replaces_that_of_the_article() -> None:
    own = create_offer("gpt-4.1", input=2, output=8)._replace(platform="openai")

    merged = {offer.name: offer for offer in article.add_offers([own], NOW)}

    assert merged["openai/gpt-4.1"] == own
    assert merged["anthropic/claude-sonnet-4-5"].latency == "~95 ms"


def test_the_articles_claims_stay_with_its_own_price() -> None:
    merged = {offer.name: offer for offer in article.add_offers(list_offers(config.parse(""), NOW), NOW)}

    assert merged["holysheep/qwen2.5-max"].latency == "<50 ms"
    assert "1 CNY is billed as 1 USD" in merged["holysheep/qwen2.5-max"].notes[0]


def test_every_price_of_the_article_is_confronted_with_other_sources() -> None:
    comparison = compare_offers(*article.list_other_prices(NOW))
    listed = [(row.offer.name, row.price.currency, to_decimal(row.listed_day)) for row in comparison.rows]

    assert {name for name, _, _ in listed} == {offer.name for offer in article.list_offers(NOW)}
    assert ("openai/gpt-4.1", "USD", 5 * 2 + 3 * 8) in listed
    assert ("anthropic/claude-sonnet-4-5", "USD", 5 * 3 + 3 * 15) in listed
    assert all(row.price.source != article.SOURCE and row.price_date >= "2026-11-01" for row in comparison.rows)


def test_large_loads_are_exact() -> None:
    (row,) = compare_offers(create_offer(input=0.000001, output=0), load=Load(1_000_000_000, 1, 0)).rows

    assert isinstance(row, Row)
    assert row.day == 1_000_000_000
