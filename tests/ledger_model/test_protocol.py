"""The protocol of docs/ledger.md, explored exhaustively: it keeps its promises, and no broken one does."""

import functools
import re
from pathlib import Path

import pytest

from tests.ledger_model.configuration import Configuration
from tests.ledger_model.exploration import Exploration, explore
from tests.ledger_model.mutations import MUTATIONS, Mutation
from tests.ledger_model.scenarios import SCENARIOS, Scenario

DOCUMENT = (Path(__file__).parents[2] / "docs/ledger.md").read_text(encoding="utf-8")
OUTCOMES = ("applied", "refused", "applied, answer lost", "no answer, on its way")
EACH_SCENARIO = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
EACH_MUTATION = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)


@functools.cache
def explore_once(configuration: Configuration) -> Exploration:
    return explore(configuration)


@EACH_SCENARIO
def test_every_reachable_state_keeps_the_promises(scenario: Scenario) -> None:
    result = explore_once(scenario.short)

    print(f"{result.states:,} states")  # noqa: T201 - `pytest -rP` shows it
    assert result.broken == "", "\n".join(result.trace)
    assert f"| {scenario.name} | {result.states:,} |" in DOCUMENT


@pytest.mark.thorough
@pytest.mark.timeout(1200)
@EACH_SCENARIO
def test_every_reachable_state_of_the_whole_form_keeps_the_promises(scenario: Scenario) -> None:
    result = explore(scenario.whole)

    print(f"{result.states:,} states")  # noqa: T201
    assert result.broken == "", "\n".join(result.trace)
    assert re.search(rf"\| {scenario.name} \| [\d,]+ \| {result.states:,} \|", DOCUMENT)


@EACH_MUTATION
def test_a_broken_protocol_is_caught(mutation: Mutation) -> None:
    result = explore(mutation.configuration, mutation.protocol, mutation.model)

    print("\n".join((*result.trace, result.broken)))  # noqa: T201
    assert result.broken


@pytest.mark.thorough
@pytest.mark.timeout(300)
@EACH_MUTATION
def test_the_protocol_keeps_its_promises_where_a_mutation_breaks_them(mutation: Mutation) -> None:
    assert explore_once(mutation.configuration).broken == ""


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_write_ends_in_each_way_somewhere(outcome: str) -> None:
    seen = frozenset.union(*(explore_once(scenario.short).writes for scenario in SCENARIOS))

    assert {name for name, _ in seen} == {name for name, ended in seen if ended == outcome}


def test_each_write_of_the_model_has_its_name_in_the_document() -> None:
    seen = {name for scenario in SCENARIOS for name, _ in explore_once(scenario.short).writes}

    assert seen <= set(re.findall(r"`(\w+)`", DOCUMENT))
