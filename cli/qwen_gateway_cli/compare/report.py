"""A comparison with everything that its readers need: the base, the sources, and what is known against the prices."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from qwen_gateway.amounts import format_exactly
from qwen_gateway_cli.amounts import format_amount
from qwen_gateway_cli.compare import article
from qwen_gateway_cli.compare.comparison import (
    DAYS_OF_MONTH,
    DAYS_OF_YEAR,
    Comparison,
    Exchange,
    Omission,
    Row,
    prices_per_million,
)


class Report(NamedTuple):
    """What every form of the output shows.

    Attributes:
        base: the row that the others are compared with.
        other_rows: rows of the article's offers with the prices of other sources.
        shows_claims: whether the latencies that the article claims are shown.
    """

    comparison: Comparison
    base: Row
    exchange: Exchange
    other_rows: Sequence[Row]
    shows_claims: bool

    @property
    def sources(self) -> list[str]:
        """The sources of the prices with their dates, in the order of the rows."""
        return list(dict.fromkeys(map(_cite, self.comparison.rows)))

    def source_number(self, row: Row) -> int:
        """Return the number of a row's source, from 1."""
        return self.sources.index(_cite(row)) + 1

    def disputes(self, row: Row) -> list[Row]:
        """Return what other sources say about the article's price of an offer."""
        if row.price.source != article.SOURCE:
            return []
        return [other for other in self.other_rows if other.offer.name == row.offer.name]


def describe_load(report: Report) -> str:
    """Return the load, and the lengths of a month and a year."""
    load = report.comparison.load
    return (
        f"{load.requests:,} requests a day, each with {load.tokens_in:,} tokens of input and {load.tokens_out:,} of "
        f"output, without thinking and cache. A month is {DAYS_OF_MONTH} days, a year {DAYS_OF_YEAR}."
    )


def describe_base(report: Report) -> str:
    """Return what the savings are compared with."""
    row, currency = report.base, report.comparison.currency
    return f"Savings are against {row.offer.name}: {format_amount(row.month)} {currency} a month."


def list_notes(report: Report) -> Iterator[str]:
    """Yield the exchange rates, and what is to be known about the article's prices."""
    currency = report.comparison.currency
    for listed in sorted({row.price.currency for row in report.comparison.rows} - {currency}):
        rate = report.exchange.rate(listed)
        yield f"1 {listed} is taken as {float(rate or 0):.6g} {currency}: [accounting] of gateway.toml."
    articles = [row for row in report.comparison.rows if row.price.source == article.SOURCE]
    if articles:
        yield from article.notes()
    for row in articles:
        yield from (f"{row.offer.name}: {text}" for text in row.offer.notes)


def list_disputes(report: Report) -> Iterator[str]:
    """Yield what the article's offers cost by other sources."""
    for row in report.comparison.rows:
        for other in report.disputes(row):
            cost = f"{format_listed_day(other)} a day at {format_prices(report, other)} per million"
            yield f"{row.offer.name}: {cost}: {_cite(other)}."


def list_omissions(report: Report) -> Iterator[tuple[str, str]]:
    """Yield each platform and reason, with the models that it concerns."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for omission in report.comparison.omissions:
        groups[omission.platform, omission.reason].append(omission.model)
    for (platform, reason), models in groups.items():
        named = ", ".join(filter(None, models))
        yield f"{platform}: {reason}", named


def format_listed_day(row: Row) -> str:
    """Return the cost of a day in the currency of the price."""
    return f"{format_amount(row.listed_day)} {row.price.currency}"


def format_prices(report: Report, row: Row) -> str:
    """Return the prices of input and output per million tokens."""
    prices = prices_per_million(row, report.comparison.load)
    named = ["-" if price is None else format_exactly(price) for price in prices]
    return f"{' / '.join(named)} {row.price.currency}"


def find_omission(comparison: Comparison, name: str) -> Omission | None:
    """Return why an offer has no row."""
    return next((omission for omission in comparison.omissions if omission.name == name), None)


def _cite(row: Row) -> str:
    return f"{row.price.source} (prices of {row.price_date})"
