"""The ledger under load and random kills, on ministack without a deployed stack: what `make bench-ledger` measures."""

from collections.abc import Iterator

import pytest

from qwen_gateway_cli.local.layout import Layout
from tests.stack.repository import ROOT
from tools.bench.ledger.burst import Burst, run_burst
from tools.bench.ledger.chaos import Chaos, find_wrong, run_chaos
from tools.bench.ledger.emulation import KEYS, USAGE, Emulation, run_emulation
from tools.bench.ledger.rates import Lengths, measure_rates
from tools.bench.ledger.report import count_requests

LAYOUT = Layout(ROOT)


@pytest.fixture
def emulation() -> Iterator[Emulation]:
    """The emulated DynamoDB and the mock Qwen, with empty tables."""
    with run_emulation(LAYOUT) as running:
        yield running


def check_burst(burst: Burst) -> None:
    assert (burst.overspent, burst.false_refusals) == (0, 0)
    assert burst.outcomes.keys() == {"admitted", "BudgetExhausted"}
    assert burst.key["holds"] == {}
    assert burst.key["budget"] == burst.key["remaining"] + burst.key["spent"]


def check_chaos(chaos: Chaos, kills: int) -> None:
    print(chaos.as_json())  # noqa: T201 - `pytest -rP` shows it
    assert chaos.wrong == []
    assert chaos.kills >= kills
    assert chaos.done.failed == 0
    assert chaos.holds_before > 0
    assert chaos.calls > 0 < chaos.records["abandoned"]


def test_calls_at_once_do_not_overspend_a_budget_and_are_refused_with_reason(emulation: Emulation) -> None:
    check_burst(run_burst(emulation, 150))


def test_after_random_kills_the_books_balance_and_each_call_has_one_record(emulation: Emulation) -> None:
    check_chaos(run_chaos(LAYOUT, emulation, 12), 12)

    tamper_with_books(emulation)
    wrong = "\n".join(find_wrong(emulation))

    assert "breaks budget = remaining + holds + spent" in wrong
    assert "has spent" in wrong
    assert "reached the provider and has 0 records" in wrong
    assert "the days of" in wrong


def tamper_with_books(emulation: Emulation) -> None:
    """Change an amount, and delete the record of a call that reached the provider."""
    call = emulation.provider.calls()[0]["body"]["user"]
    (record,) = [record for record in emulation.scan(USAGE) if record["sk"] == f"USE#{call}"]
    emulation.dynamodb.delete_item(TableName=USAGE, Key={"pk": {"S": record["pk"]}, "sk": {"S": record["sk"]}})
    emulation.dynamodb.update_item(
        TableName=KEYS,
        Key={"id": {"S": emulation.scan(KEYS)[0]["id"]}},
        UpdateExpression="SET spent = spent + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def test_a_call_makes_at_most_three_requests_to_aws_a_refusal_one_and_garbage_none(emulation: Emulation) -> None:
    counts = count_requests(LAYOUT, emulation)

    requests = {name: (each.status, each.aws_calls, each.writes, each.write_units) for name, each in counts.items()}
    assert requests == {
        "budget": (200, 3, 3, 3),
        "budget and tpm": (200, 3, 3, 3),
        "rpm": (200, 3, 3, 3),
        "rpm and tpm": (200, 4, 4, 4),  # `count_tokens`: docs/ledger.md, "How many"
        "no limits": (200, 3, 2, 2),
        "refused: budget": (402, 1, 1, 1),
        "refused: rpm": (429, 1, 1, 1),
        "refused: model": (403, 1, 0, 0),
        "refused: revoked": (401, 1, 0, 0),
        "garbage": (401, 0, 0, 0),
    }


@pytest.mark.thorough
def test_a_thousand_calls_at_once(emulation: Emulation) -> None:
    check_burst(run_burst(emulation, 1_000))


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_a_thousand_random_kills(emulation: Emulation) -> None:
    check_chaos(run_chaos(LAYOUT, emulation, 1_000), 1_000)


@pytest.mark.thorough
def test_the_rate_grows_with_the_keys_until_the_emulator_is_the_limit(emulation: Emulation) -> None:
    rates = measure_rates(emulation, (1, 4), Lengths(bare_s=0.5, one_key_s=1, held_s=3, keys_s=6))

    one, four = (each.calls_per_s for each in rates.many_keys)
    assert 0.5 < one <= 1.5
    assert 2 < four <= 6
    assert all(each.calls_per_s > 0 for each in rates.one_key)
    assert rates.bare > 0
