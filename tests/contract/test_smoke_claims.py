"""The claims of the smoke tests are those of README, and each has tests or a reason why none can prove it."""

import importlib
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.contract.template import ROOT
from tests.smoke.claims import Claim

WITHOUT_CLAIMS = {"A local stack", "Access"}
"""Features that a gateway with the default parameters does not have."""


def find_tested_claims() -> Iterator[Claim]:
    """Yield the claims that tests name."""
    for path in sorted((ROOT / "tests/smoke").glob("test_*.py")):
        module: ModuleType = importlib.import_module(f"tests.smoke.{path.stem}")
        tests = [value for name, value in vars(module).items() if name.startswith("test_")]
        for owner in (module, *tests):
            marks = getattr(owner, "pytestmark", [])
            for mark in marks if isinstance(marks, list) else [marks]:
                if mark.name == "proves":
                    yield from mark.args


@pytest.mark.parametrize("claim", Claim, ids=lambda claim: claim.name)
def test_a_claim_has_tests_or_a_reason(claim: Claim) -> None:
    assert (claim in set(find_tested_claims())) != bool(claim.not_automated)


def test_every_feature_of_readme_has_a_claim() -> None:
    introduction = (ROOT / "README.md").read_text(encoding="utf-8").split("## Quick start")[0]
    features = set(re.findall(r"^- \*\*(.+?)\*\*", introduction, re.MULTILINE))

    assert len(features) >= 6
    assert features - {claim.feature for claim in Claim} == WITHOUT_CLAIMS


@pytest.mark.parametrize("feature", sorted({claim.feature for claim in Claim}))
def test_a_claim_belongs_to_a_text_of_readme(feature: str) -> None:
    assert feature in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
