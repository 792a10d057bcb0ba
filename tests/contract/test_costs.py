"""The costs in the documents are those of the template and of the price file."""

import copy
from decimal import Decimal

import pytest

from tests.contract.template import ROOT, Template
from tools.costs import load_prices, update_documents

PRICES = load_prices()


def test_the_costs_in_the_documents_are_current(template: Template) -> None:
    for document, text in update_documents(template, PRICES).items():
        assert document.read_text(encoding="utf-8") == text, f"{document.name} is stale: run `make docs`"


@pytest.mark.parametrize(
    "kind", ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::SecretsManager::Secret"]
)
def test_one_more_resource_makes_the_documents_stale(template: Template, kind: str) -> None:
    changed = copy.deepcopy(template)
    (first, *_) = [each for each in changed["Resources"].values() if each["Type"] == kind]
    changed["Resources"]["OneMore"] = first

    for document, text in update_documents(changed, PRICES).items():
        assert document.read_text(encoding="utf-8") != text


def test_another_price_makes_the_documents_stale(template: Template) -> None:
    changed = copy.deepcopy(PRICES)
    changed.sections["lambda"]["arm64_gb_second"] *= Decimal("1.1")

    texts = update_documents(template, changed)

    assert (ROOT / "docs/performance.md").read_text(encoding="utf-8") != texts[ROOT / "docs/performance.md"]


def test_every_price_names_the_page_of_aws_that_publishes_it() -> None:
    assumptions = {"call", "always_on"}

    for name in PRICES.sections.keys() - assumptions:
        assert str(PRICES.sections[name]["source"]).startswith("https://aws.amazon.com/"), name
