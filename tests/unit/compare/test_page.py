"""The comparison as an HTML page."""

import re
from html.parser import HTMLParser

from qwen_gateway_cli.compare import article
from qwen_gateway_cli.compare.comparison import Row, compare, price_load
from qwen_gateway_cli.compare.offers import Offer
from qwen_gateway_cli.compare.page import format_page
from qwen_gateway_cli.compare.report import Report
from tests.builders.comparison import LOAD, NOW, create_exchange, create_offer

HOSTILE = "<script>alert('x')</script>\"&"
VOID = {"meta"}


class Page(HTMLParser):
    """The elements and the text of a page; it fails if one is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def create_report(*offers: Offer) -> Report:
    exchange = create_exchange()
    comparison = compare(LOAD, offers, exchange)
    others = [price_load(LOAD, offer, exchange) for offer in article.list_other_prices(NOW)]
    rows = [row for row in others if isinstance(row, Row)]
    return Report(comparison, comparison.rows[0], exchange, rows, shows_claims=True)


def test_every_text_of_a_price_list_is_escaped() -> None:
    offer = create_offer(HOSTILE, platform=HOSTILE, source=HOSTILE, input=1, output=1)
    unpriced = create_offer(HOSTILE, platform=HOSTILE)
    claims = offer._replace(model="m", latency=HOSTILE, notes=(HOSTILE,))

    page = format_page(create_report(offer, claims, unpriced))

    assert "<script" not in page
    assert Page(page).text.count(HOSTILE) > 8


def test_a_page_loads_nothing() -> None:
    page = format_page(create_report(*article.list_offers(NOW)))

    parsed = Page(page)
    assert {tag for tag, _ in parsed.elements} & {"script", "link", "img", "iframe", "object", "base"} == set()
    assert not re.search(r"(?:href|src)=\"(?!#)|url\(|@import", page)
    policy = next(found["content"] for _, found in parsed.elements if "http-equiv" in found)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_link_leads_to_an_element_of_the_page() -> None:
    elements = Page(format_page(create_report(*article.list_offers(NOW)))).elements

    links = {found["href"] for _, found in elements if "href" in found}
    assert links == {"#source-1", "#others"}
    assert {f"#{found['id']}" for _, found in elements if "id" in found} >= links


def test_the_length_of_a_bar_is_its_share_of_the_dearest() -> None:
    offers = [create_offer(f"m{price}", input=price, output=price) for price in (1, 2, 1_000)]

    elements = Page(format_page(create_report(*offers))).elements

    # 1 of 1,000 is lengthened, so that it stays visible.
    assert [found["width"] for tag, found in elements if tag == "rect"] == ["0.30", "0.30", "100.00"]


def test_a_bar_has_its_value_beside_it_as_text() -> None:
    page = Page(format_page(create_report(create_offer(input=2, output=4))))

    assert "660.00 USD" in page.text
    assert all(found["aria-hidden"] == "true" for tag, found in page.elements if tag == "svg")


def test_models_that_are_free_have_bars_too() -> None:
    page = Page(format_page(create_report(create_offer("a", input=0, output=0), create_offer("b", input=0, output=0))))

    assert "0.00 USD" in page.text
