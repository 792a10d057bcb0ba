"""The comparison as one HTML page that loads nothing: its style and charts are inside."""

from collections.abc import Sequence
from pathlib import Path

from qwen_gateway_cli.amounts import format_amount, format_percent
from qwen_gateway_cli.compare import article
from qwen_gateway_cli.compare.comparison import Row, saved_share
from qwen_gateway_cli.compare.markup import Markup, element, join, raw
from qwen_gateway_cli.compare.report import (
    Report,
    describe_base,
    describe_load,
    format_listed_day,
    format_prices,
    list_disputes,
    list_notes,
    list_omissions,
)

_STYLE = Path(__file__).with_name("page.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing, whatever is in it."""
_PRICES = "In / out per million"
_MIN_BAR = 0.3
"""Per cent of the width: the cheapest rows stay visible."""


def format_page(report: Report) -> str:
    """Return the page."""
    title = "The article's cost comparison" if report.shows_claims else "What a load costs with each model"
    body = element(
        "main",
        element("h1", title),
        element("p", describe_load(report), class_="lead"),
        _build_summary(report),
        _build_chart(report),
        _build_table(report),
        _build_sections(report),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"{title} - Qwen Gateway"),
        element("style", raw(_STYLE.read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def _build_summary(report: Report) -> Markup:
    rows, base, currency = report.comparison.rows, report.base, report.comparison.currency
    figures = [("Base", base.offer.name, f"{format_amount(base.month)} {currency} a month")]
    if rows[0] is not base:
        share = format_percent(saved_share(rows[0], base))
        figures += [
            ("Cheapest", rows[0].offer.name, f"{format_amount(rows[0].month)} {currency} a month"),
            ("Saved by the cheapest", f"{format_amount(base.month - rows[0].month)} {currency} a month", share),
        ]
    cards = (
        element("div", element("dt", title), element("dd", element("strong", figure), element("span", detail)))
        for title, figure, detail in figures
    )
    return element("dl", *cards, class_="summary")


def _build_chart(report: Report) -> Markup:
    """Return a bar for each row. The value is text beside it, so readers without the picture lose nothing."""
    currency, most = report.comparison.currency, max(row.month for row in report.comparison.rows)
    bars = (
        element(
            "li",
            _build_name(report, row),
            _build_bar(row.month / most * 100 if most else 0),
            element("span", f"{format_amount(row.month)} {currency}", class_="value"),
            class_=_classify(report, row),
        )
        for row in report.comparison.rows
    )
    return element(
        "section",
        element("h2", f"{currency} a month", id="chart"),
        element("ol", *bars, class_="chart"),
        _build_key(report),
        aria_labelledby="chart",
    )


def _build_key(report: Report) -> Markup:
    if all(row.price.source != article.SOURCE for row in report.comparison.rows):
        return join()
    swatch = element("span", _build_bar(100), class_="chart article")
    text = " the article's prices, most of which other sources contradict: "
    return element("p", swatch, text, element("a", "what they say", href="#others"), class_="key")


def _build_bar(percent: float) -> Markup:
    width = f"{max(percent, _MIN_BAR):.2f}"
    bar = element("rect", width=width, height="10", rx="0")
    return element("svg", bar, viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")


def _build_table(report: Report) -> Markup:
    currency = report.comparison.currency
    titles = ["Platform and model", "A day", "A month", "A year", "Saved a month", "Saved", "A day as listed", _PRICES]
    titles += [*(["P50 as claimed"] if report.shows_claims else []), "Price of"]
    table = element(
        "table",
        element("thead", element("tr", *(element("th", title, scope="col") for title in titles))),
        element("tbody", *(_build_row(report, row) for row in report.comparison.rows)),
    )
    scrolling = element("div", table, class_="scroll", role="region", aria_labelledby="figures", tabindex="0")
    caption = element("p", f"Amounts in {currency}. {describe_base(report)}", class_="key")
    return element("section", element("h2", "Figures", id="figures"), caption, scrolling)


def _build_row(report: Report, row: Row) -> Markup:
    amounts = [format_amount(amount) for amount in (row.day, row.month, row.year)]
    saved = ["", "base"]
    if row is not report.base:
        saved = [format_amount(report.base.month - row.month), format_percent(saved_share(row, report.base))]
    claims = [row.offer.latency or ""] if report.shows_claims else []
    cells = [*amounts, *saved, format_listed_day(row), format_prices(report, row), *claims]
    number = str(report.source_number(row))
    return element(
        "tr",
        element("th", _build_name(report, row), scope="row"),
        *(element("td", cell) for cell in cells),
        element("td", f"{row.price_date} ", element("a", f"[{number}]", href=f"#source-{number}")),
        class_=_classify(report, row),
    )


def _build_name(report: Report, row: Row) -> Markup:
    tags = [element("span", "base", class_="tag")] if row is report.base else []
    if row.price.source == article.SOURCE:
        tags.append(element("span", "article", class_="tag"))
    platform = element("span", f"{row.offer.platform}/", class_="platform")
    return element("span", platform, element("span", row.offer.model, class_="model"), *tags, class_="name")


def _build_sections(report: Report) -> Markup:
    sources = [element("li", source, id=f"source-{number}") for number, source in enumerate(report.sources, start=1)]
    omissions = [
        element("li", element("strong", what), f": {models}" if models else "")
        for what, models in list_omissions(report)
    ]
    return join(
        element("section", element("h2", "Sources of the prices"), element("ol", *sources, class_="sources")),
        _build_list("What other sources say", [element("li", text) for text in list_disputes(report)], "others"),
        _build_list("Not compared", omissions, "omissions"),
        _build_list("Notes", [element("li", text) for text in list_notes(report)], "notes"),
    )


def _build_list(title: str, items: Sequence[Markup], anchor: str) -> Markup:
    return element("section", element("h2", title, id=anchor), element("ul", *items)) if items else join()


def _classify(report: Report, row: Row) -> str:
    kinds = {"base": row is report.base, "article": row.price.source == article.SOURCE}
    return " ".join(kind for kind, applies in kinds.items() if applies)
