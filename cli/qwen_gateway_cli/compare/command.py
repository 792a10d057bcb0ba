"""`qwen-gateway compare`: what a load costs with each model and platform."""

import difflib
import os
import time
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qwen_gateway.config import Configuration, parse
from qwen_gateway.pricing import Prices
from qwen_gateway.routing import Routes
from qwen_gateway_cli.compare import article
from qwen_gateway_cli.compare.comparison import Comparison, Exchange, Load, Omission, Row, compare, price_load
from qwen_gateway_cli.compare.offers import list_offers, list_unpriced_providers
from qwen_gateway_cli.compare.page import format_page
from qwen_gateway_cli.compare.real_load import read_load
from qwen_gateway_cli.compare.records import build_json, format_csv
from qwen_gateway_cli.compare.report import Report, find_omission
from qwen_gateway_cli.compare.terminal import show_report
from qwen_gateway_cli.console import refuse, show_json, write_file
from qwen_gateway_cli.date_range import FromOption, ToOption, parse_date_range
from qwen_gateway_cli.stack import JsonOption, StackOption, require_stack

_STDOUT = Path("-")
_MAX_REQUESTS = 1_000_000_000
_MAX_TOKENS = 10_000_000


class Preset(StrEnum):
    """Comparisons with a name."""

    ARTICLE = "article"


def compare_costs(  # noqa: PLR0913, PLR0917 - the options of the command
    requests: Annotated[
        int, typer.Option("--requests-per-day", min=1, max=_MAX_REQUESTS, help="Requests of a day.")
    ] = 10_000,
    tokens_in: Annotated[int, typer.Option(min=1, max=_MAX_TOKENS, help="Tokens of input of each request.")] = 500,
    tokens_out: Annotated[int, typer.Option(min=0, max=_MAX_TOKENS, help="Tokens of output of each request.")] = 300,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="PLATFORM/MODEL",
            help="What the savings are compared with. By default the first priced target of the routes.",
        ),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Currency of the amounts. By default that of [accounting] in gateway.toml."),
    ] = None,
    preset: Annotated[
        Preset | None,
        typer.Option(metavar="article", help="article: only the comparison table of the article, with its claims."),
    ] = None,
    usage: Annotated[
        bool,
        typer.Option("--usage", help="Compare the load that a stack had from --from to --to: an average day of it."),
    ] = False,
    first: FromOption = None,
    last: ToOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE|-", help="Write CSV into this file; -: print it.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page that works offline, with charts, into this file.")
    ] = None,
) -> None:
    """Compare what a load costs with each priced model and platform: a day, a month and a year.

    A platform is a price list of the gateway, your own ones of prices.toml included, or one of the article's table.
    Retired models are left out. Amounts are exact for the tokens given, without thinking, cache and discounts.
    """
    if as_json and csv == _STDOUT:
        refuse("--json and --csv - both print the result. Choose one, or name a file: --csv FILE")
    load = Load(requests, tokens_in, tokens_out)
    if usage:
        load = read_load(require_stack(stack), parse_date_range(first, last))
    elif first or last or stack:
        refuse("--from, --to and --stack belong to --usage.")
    report = _build_report(load, base, currency, preset)
    if html:
        write_file(html, format_page(report))
    if csv and csv != _STDOUT:
        write_file(csv, format_csv(report))
    if csv == _STDOUT:
        typer.echo(format_csv(report), nl=False)
    elif as_json:
        show_json(build_json(report))
    else:
        show_report(report)


def _build_report(load: Load, base: str | None, currency: str | None, preset: Preset | None) -> Report:
    configuration = parse(os.environ.get("GATEWAY_CONFIG", ""))
    prices, now = Prices(configuration), time.time()
    exchange = _create_exchange(prices, configuration, currency)
    if preset is Preset.ARTICLE:
        comparison = compare(load, article.list_offers(now), exchange)
    else:
        comparison = compare(load, article.add_offers(list_offers(configuration, now), now), exchange)
        unpriced = [Omission(name, "", "no price list") for name in list_unpriced_providers(configuration)]
        comparison = comparison._replace(omissions=[*comparison.omissions, *unpriced])
    if not comparison.rows:
        (reason, _), *_ = Counter(omission.reason for omission in comparison.omissions).most_common()
        refuse(f"No model can be compared. The most frequent reason: {reason}.")
    if base is None:
        base_row = _find_default_base(comparison, configuration, preset)
    else:
        base_row = comparison.find(base) or _refuse_base(comparison, base)
    others = (price_load(load, other, exchange) for other in article.list_other_prices(now))
    return Report(
        comparison,
        base_row,
        exchange,
        other_rows=[other for other in others if isinstance(other, Row)],
        shows_claims=preset is Preset.ARTICLE,
    )


def _create_exchange(prices: Prices, configuration: Configuration, currency: str | None) -> Exchange:
    target = currency.upper() if currency else prices.currency
    if prices.rate(target) is None:
        known = ", ".join((prices.currency, *configuration.accounting.exchange_rates))
        refuse(f"There is no exchange rate of {target}: add it to gateway.toml, or choose one of: {known}")
    return Exchange(prices, target)


def _find_default_base(comparison: Comparison, configuration: Configuration, preset: Preset | None) -> Row:
    """Return the row of the article's base, or of the first target of the routes that has one, or else the cheapest."""
    names: Iterable[str] = [article.BASE]
    if preset is None:
        lists = {name: provider.prices for name, provider in configuration.providers.items()}
        chains = Routes(configuration).all().values()
        names = (f"{lists[target.provider]}/{target.model}" for chain in chains for target in chain)
    return next(filter(None, map(comparison.find, names)), comparison.rows[0])


def _refuse_base(comparison: Comparison, name: str) -> Row:
    if omission := find_omission(comparison, name):
        return refuse(f"{name} cannot be the base: {omission.reason}.")
    names = [row.offer.name for row in comparison.rows]
    similar = difflib.get_close_matches(name, names)
    hint = f"Did you mean {' or '.join(similar)}?" if similar else "Without --base, the command lists the names."
    return refuse(f"There is no priced model {name!r}. {hint}")
