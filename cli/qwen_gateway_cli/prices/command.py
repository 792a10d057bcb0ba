"""`qwen-gateway prices`: what models cost, who says so, and whether the price lists are sound."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from qwen_gateway import config
from qwen_gateway.amounts import format_exactly
from qwen_gateway.pricing.price_list import Price, PriceList, Tier, names, price_list
from qwen_gateway.pricing.units import CACHE_HIT, CACHE_WRITE, INPUT, OUTPUT, OUTPUT_THINKING, TOKEN_UNITS, Unit
from qwen_gateway_cli.console import refuse, show, show_json, show_table
from qwen_gateway_cli.prices.notices import find_notices
from qwen_gateway_cli.prices.schema import check_configuration
from qwen_gateway_cli.stack import JsonOption

app = typer.Typer(no_args_is_help=True, help="Check, list and show what models cost.")

_MAIN_UNITS = (INPUT, OUTPUT, OUTPUT_THINKING, CACHE_HIT, CACHE_WRITE)


@app.command()
def check() -> None:
    """Check every price list and prices.toml, and say what is unpriced or disputed."""
    check_configuration()
    for notice in find_notices(config.configuration()):
        show(notice)
    show(f"{len(names())} price lists are sound.")


@app.command("list")
def list_prices(as_json: JsonOption = False) -> None:
    """List the current price of every model in every price list, per million tokens."""
    now = time.time()
    lists = [(each, [(model, each.current(model, now)) for model in each.models]) for each in map(price_list, names())]
    if as_json:
        show_json([row for each, models in lists for model, prices in models for row in _rows(each, model, prices)])
        return
    for each, models in lists:
        show(f"{each.name} ({each.currency})")
        _show_tiers(
            [(model, tier) for model, prices in models for price in prices for tier in price.tiers], _MAIN_UNITS
        )


@app.command("show")
def show_prices(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The provider's name of the model.")],
    as_json: JsonOption = False,
) -> None:
    """Show every price of a model: of each price list, source and date, earlier ones included."""
    lists = [each for each in map(price_list, names()) if model in each.models]
    if not lists:
        refuse(f"No price list has the model {model!r}. `qwen-gateway prices list` shows those that are priced.")
    if as_json:
        show_json([row for each in lists for row in _rows(each, model, each.prices(model))])
        return
    for each in lists:
        for price in each.prices(model):
            show(f"{price.version} ({price.currency}), read {price.as_of}: {price.source}")
            for name in sorted(unit.name for unit in price.unknown):
                show(f"{name}: not known")
            for unit, rate in price.fees.items():
                show(f"{unit.name}: {_per(unit, rate)} per {unit.per:,} calls")
            _show_tiers([(model, tier) for tier in price.tiers], TOKEN_UNITS.values())


def _rows(prices: PriceList, model: str, of: Sequence[Price]) -> Iterator[dict[str, Any]]:
    """Yield the tiers of prices, with amounts per million tokens and fees per thousand calls as exact texts."""
    for price in of:
        for tier in price.tiers:
            yield {
                "list": prices.name,
                "model": model,
                "up_to": tier.up_to,
                "currency": price.currency,
                **{unit.name: _per(unit, rate) for unit, rate in {**tier.prices, **price.fees}.items()},
                "unknown": sorted(unit.name for unit in price.unknown),
                "effective": datetime.fromtimestamp(price.effective, UTC).isoformat() if price.effective else None,
                "as_of": price.as_of,
                "source": price.source,
                "notes": prices.notes,
            }


def _show_tiers(tiers: Sequence[tuple[str, Tier]], columns: Iterable[Unit]) -> None:
    """Print a row for each tier, with a column for each unit that has a price."""
    units = [unit for unit in columns if any(unit in tier.prices for _, tier in tiers)]
    titles = [unit.name.removeprefix("cache_").removeprefix("output_").replace("_", " ").upper() for unit in units]
    rows = [
        (
            model,
            "-" if tier.up_to is None else f"{tier.up_to:,}",
            *(_per(unit, tier.prices[unit]) if unit in tier.prices else "-" for unit in units),
        )
        for model, tier in tiers
    ]
    show_table(("MODEL", "UP TO", *titles), rows)
    show("")


def _per(unit: Unit, rate: int) -> str:
    """Return a price as a price list states it."""
    return format_exactly(rate * unit.per)
