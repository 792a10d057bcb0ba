"""Price lists: those of the repository are sound, and an unsound one is refused with file and line."""

from pathlib import Path

import pytest

from qwen_gateway import config
from qwen_gateway.pricing import Prices
from qwen_gateway.pricing.price_list import LISTS, OWN_PRICES, PriceList, names, price_list
from qwen_gateway_cli.prices.notices import find_notices
from qwen_gateway_cli.prices.schema import check_configuration, find_problems
from qwen_gateway_cli.prices.toml_lines import find_line

GOOD = """\
currency = "USD"
source = "the provider's page"
as_of = "2026-11-01"

[[models."qwen-plus"]]
tiers = [
  { up_to = 256_000, input = 0.4, cache_hit = 0.08, output = 1.2 },
  { up_to = 1_000_000, input = 1.2, output = 3.6 },
]

[[models."qwen-flash"]]
effective = "2026-10-01"
tiers = [{ input = 0.05, output = 0.4 }]

[[models."qwen-flash"]]
effective = "2026-11-01"
tiers = [{ input = 0.06, output = 0.5 }]
"""


def problems(text: str, folder: Path, *, holds_lists: bool = False) -> list[tuple[int, str]]:
    file = folder / "list.toml"
    file.write_text(text, encoding="utf-8")
    return [(problem.line, problem.message) for problem in find_problems(file, holds_lists=holds_lists)]


def test_the_price_lists_of_the_repository_are_sound() -> None:
    check_configuration()
    assert len(list(LISTS.glob("*.toml"))) + 1 == len(names())


def test_a_sound_list_has_no_problem(tmp_path: Path) -> None:
    assert problems(GOOD, tmp_path) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        ("output = 1.2", "outptu = 1.2", 7, "'outptu' is not a field of a tier"),
        ('currency = "USD"', 'currency = "USD"\ncolour = "red"', 2, "'colour' is not a field of a price list"),
        ('effective = "2026-10-01"', 'effectiv = "2026-10-01"', 12, "'effectiv' is not a field of a price list"),
        ("up_to = 256_000, ", "", 5, "a tier is missing: only the last one has no up_to"),
        ("[{ input = 0.05, output = 0.4 }]", "[]", 13, "List should have at least 1 item"),
        ("input = 0.05, ", "", 13, "the price of input is missing"),
        ("256_000", "1_000_000", 5, "the tiers do not stand in the order of up_to"),
        ("256_000", "2_000_000", 5, "the tiers do not stand in the order of up_to"),
        ("256_000", "256.5", 7, "up_to has to be a whole number"),
        ("output = 3.6", "output = -3.6", 8, "output: a price cannot be negative"),
        ("output = 3.6", "output = 0.0000001", 8, "output: a price has at most 6 decimals"),
        ("output = 3.6", 'output = "3.6"', 8, "output: a price is a number"),
        ("cache_hit = 0.08", "cache_hit = 0.41", 7, "cache_hit is dearer than input"),
        ('"2026-11-01"\ntiers', '"2026-10-01"\ntiers', 15, "the dates of qwen-flash overlap"),
        ('"2026-11-01"\ntiers', '"2026-13-01"\ntiers', 16, "effective: month must be in 1..12"),
        ('currency = "USD"\n', "", 1, "currency: Field required"),
        ('"USD"', '"dollars"', 1, "currency: String should match pattern"),
        ("tiers = [{ input = 0.06", 'unknown = ["air"]\ntiers = [{ input = 0.06', 17, "'air' is none of: input"),
        ('as_of = "2026-11-01"\n', 'as_of = "2026-11-01"\n\n[fees]\nair = 4\n', 5, "'air' is none of: web"),
        ('as_of = "2026-11-01"\n', 'as_of = "2026-11-01"\n\n[fees]\nweb_search = -4\n', 5, "a price cannot"),
        ("tiers = [{ input = 0.06", "tiers = [{ input = ", 17, "not valid TOML: "),
    ],
)  # fmt: skip
def test_an_unsound_list_is_refused_with_its_line(
    right: str, wrong: str, line: int, message: str, tmp_path: Path
) -> None:
    assert right in GOOD

    ((found, said),) = problems(GOOD.replace(right, wrong, 1), tmp_path)

    assert message in said
    assert found == line


def test_every_problem_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("output = 1.2", "output = -1").replace("output = 0.4", "output = -2")

    assert [line for line, _ in problems(text, tmp_path)] == [7, 13]


def test_the_owners_file_holds_several_lists(tmp_path: Path) -> None:
    head = '[mine]\ncurrency = "USD"\nsource = "contract"\nas_of = "2026-11-01"\n'
    text = head + "\n[[mine.models.m]]\ntiers = [{ input = -1 }]\n"

    assert problems(text, tmp_path, holds_lists=True) == [(7, "tiers: input: a price cannot be negative")]


def test_a_line_is_found_by_the_path_of_its_value() -> None:
    assert find_line(GOOD, ("models", "qwen-plus", 0, "tiers", 1, "output")) == 8
    assert find_line(GOOD, ("models", "qwen-flash", 1, "effective")) == 16
    assert find_line(GOOD, ("nowhere",)) == 1


def test_the_owners_prices_replace_those_of_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "dashscope-singapore": {
            "models": {"qwen-plus": [{"source": "contract", "tiers": [{"input": 0.3, "output": 1}]}]}
        }
    }
    monkeypatch.setattr("qwen_gateway.pricing.price_list._own_prices", lambda: own)
    price_list.cache_clear()
    try:
        merged = price_list("dashscope-singapore")
    finally:
        price_list.cache_clear()

    (price,) = merged.prices("qwen-plus")
    assert (price.source, price.currency) == ("contract", "USD")
    assert merged.prices("qwen-flash")[0].source == merged.source


def test_reads_only_the_lists_of_providers_that_are_called() -> None:
    price_list.cache_clear()

    Prices(config.parse(""))

    assert price_list.cache_info().currsize == 0


def test_disagreeing_sources_are_told() -> None:
    notices = list(find_notices(config.parse("")))

    assert any("dashscope-global: qwen-plus" in notice and "the dearest counts" in notice for notice in notices)


@pytest.mark.parametrize(
    ("settings", "notice"),
    [
        ({"default_provider": "dashscope-beijing"}, "dashscope-beijing/qwen4-max has no price: its calls are unpriced"),
        (
            {"default_provider": "dashscope-beijing", "accounting": {"exchange_rates": {"CNY": None}}},
            "set accounting.exchange_rates.CNY in gateway.toml",
        ),
        ({"default_provider": "dashscope-virginia"}, "more than 128,000 tokens of input are unpriced"),
    ],
    ids=["no price", "no exchange rate", "no price of long requests"],
)
def test_what_the_gateway_serves_without_a_price_is_told(settings: dict, notice: str) -> None:
    assert any(notice in each for each in find_notices(config.parse("", settings)))


def test_every_model_of_the_default_catalog_is_priced() -> None:
    """The seed configuration leaves nothing unpriced."""
    notices = list(find_notices(config.parse("")))

    assert [notice for notice in notices if "unpriced" in notice] == []


def test_the_lists_contain_the_published_prices() -> None:
    """Spot checks against qwencloud's and alibabacloud's pages, USD and CNY per million tokens, November 2026."""

    def price(name: str, model: str) -> list[dict[str, float]]:
        (only,) = price_list(name).prices(model)
        return [{unit.name: rate / 10**6 for unit, rate in tier.prices.items()} for tier in only.tiers]

    assert price("dashscope-singapore", "qwen3.7-max") == [
        {"input": 2.5, "cache_hit": 0.5, "cache_hit_explicit": 0.25, "cache_write": 3.125, "output": 7.5}
    ]
    assert [tier["output"] for tier in price("dashscope-singapore", "qwen3-coder-plus")] == [5, 9, 15, 60]
    assert [tier["input"] for tier in price("dashscope-beijing", "qwen-plus")] == [0.8, 2.4, 4.8]


def test_batch_prices_are_half_of_the_ordinary_ones() -> None:
    ordinary, batch = price_list("dashscope-beijing"), price_list("dashscope-beijing-batch")

    def halves(prices: PriceList, model: str, divisor: int) -> list[dict[str, float]]:
        return [
            {unit.name: rate / divisor for unit, rate in tier.prices.items() if not unit.name.startswith("cache")}
            for tier in prices.prices(model)[0].tiers
        ]

    assert batch.models == [model for model in ordinary.models if not model.startswith("text-embedding")]
    assert all(halves(ordinary, model, 2) == halves(batch, model, 1) for model in batch.models)


def test_an_example_of_the_owners_prices_is_marked_as_the_articles() -> None:
    (price,) = price_list("holysheep").prices("qwen2.5-max")

    assert (price.source, price.currency) == ("article", "CNY")
    assert (OWN_PRICES / "prices.toml").exists()
