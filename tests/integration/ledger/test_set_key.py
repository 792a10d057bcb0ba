"""`set_key`: money moves by differences, whatever calls and other operators do meanwhile."""

from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwen_gateway.ledger.administration import KeyAdministration
from qwen_gateway.ledger.key_changes import KeyChanges
from qwen_gateway.ledger.key_errors import KeyConflict, KeyNotFound, LimitInvalid
from qwen_gateway.ledger.key_limits import KeyLimits
from tests.builders import key_item, old_key_item, token
from tests.builders.ledger import KEY_ID, budget_item
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedClient, RepeatingClient
from tests.integration.ledger.items import put_key, read_key, spend

NOW = 1_790_000_000
MIDNIGHT = 1_790_035_200
HOLDS = {"01ARZ3NDEKTSV4RRFFQ69G5FAV.0": 30}


@pytest.fixture
def administration(aws: Aws) -> KeyAdministration:
    return KeyAdministration(aws.dynamodb, aws.keys_table)


def change(administration: KeyAdministration, **changes: Any) -> None:
    administration.set(KEY_ID, cast("KeyChanges", changes), NOW)


@pytest.mark.parametrize(("budget", "remaining"), [(150, 110), (100, 60), (40, 0), (39, -1), (1, -39)])
def test_another_budget_moves_what_is_left_by_the_difference(
    aws: Aws, administration: KeyAdministration, budget: int, remaining: int
) -> None:
    put_key(aws, budget_item(100, HOLDS, spent=10, alerted=80))

    change(administration, budget=budget)

    key = read_key(aws)
    assert (key["budget"], key["remaining"], key["spent"], key["holds"]) == (budget, remaining, 10, HOLDS)
    assert key["alerted"] == (80 if budget == 100 else 0)


@pytest.mark.parametrize(("period", "end"), [("day", MIDNIGHT), ("month", 1_790_812_800), ("total", None)])
def test_another_period_starts_anew_and_holds_go_along(
    aws: Aws, administration: KeyAdministration, period: str, end: int | None
) -> None:
    old = "month" if period == "day" else "day"
    put_key(aws, budget_item(100, HOLDS, spent=10, total=5, period=old, period_end=NOW + 1))

    change(administration, period=period)

    key = read_key(aws)
    assert (key["remaining"], key["spent"], key["total"], key["holds"]) == (70, 0, 15, HOLDS)
    assert (key["period"], key.get("period_end")) == (period, end)


def test_another_period_and_budget_are_one_write(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, budget_item(100, HOLDS, spent=10, total=5))

    change(administration, period="day", budget=50)

    key = read_key(aws)
    assert (key["remaining"], key["spent"], key["total"], key["version"]) == (20, 0, 15, 2)


def test_a_first_budget_does_not_count_what_was_spent_before(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, key_item(token(), remaining=-10, spent=10, alerted=0, concurrency=4))

    change(administration, budget=100)

    key = read_key(aws)
    assert (key["remaining"], key["spent"], key["total"]) == (100, 0, 10)
    assert (key["period"], key["concurrency"]) == ("total", 4)


def test_a_removed_budget_leaves_sums_and_the_concurrency_limit(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, budget_item(100, HOLDS, spent=10, period="day", period_end=MIDNIGHT))

    change(administration, budget=None)

    key = read_key(aws)
    assert not key.keys() & {"budget", "period", "period_end"}
    assert (key["remaining"], key["spent"], key["concurrency"]) == (-40, 10, 50)


@pytest.mark.parametrize("changes", [{"budget": 60}, {"period": "day"}, {"period": "day", "budget": 60}, {"rpm": 5}])
def test_calls_that_spend_meanwhile_lose_nothing(aws: Aws, changes: dict[str, Any]) -> None:
    put_key(aws, budget_item(100, HOLDS, spent=10))
    sent: list[int] = []

    def spend_twice() -> None:
        sent.append(1)
        if len(sent) <= 2:
            spend(aws, 5)

    interrupted = cast("Any", InterruptedClient(aws.dynamodb, spend_twice))
    change(KeyAdministration(interrupted, aws.keys_table), **changes)

    key = read_key(aws)
    assert key["spent"] + key.get("total", 0) == 10 + 5 * min(len(sent), 2)
    assert key["version"] == 2


def test_a_key_that_spends_at_every_attempt_is_a_conflict(aws: Aws) -> None:
    put_key(aws, budget_item(1_000, spent=10))
    interrupted = cast("Any", InterruptedClient(aws.dynamodb, lambda: spend(aws, 1)))

    with pytest.raises(KeyConflict):
        change(KeyAdministration(interrupted, aws.keys_table), budget=7, period="day")

    assert read_key(aws)["budget"] == 1_000


def test_the_second_of_two_operators_changes_nothing(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, budget_item(100))
    interrupted = cast("Any", InterruptedClient(aws.dynamodb, lambda: change(administration, budget=200)))

    with pytest.raises(KeyConflict):
        change(KeyAdministration(interrupted, aws.keys_table), budget=50)

    key = read_key(aws)
    assert (key["budget"], key["remaining"], key["version"]) == (200, 200, 2)


def test_a_revocation_meanwhile_wins(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, budget_item(100))
    interrupted = cast("Any", InterruptedClient(aws.dynamodb, lambda: administration.revoke(KEY_ID)))

    with pytest.raises(KeyConflict):
        change(KeyAdministration(interrupted, aws.keys_table), rpm=5)

    assert "rpm" not in read_key(aws)


def test_a_key_that_is_deleted_meanwhile_is_not_created_again(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, budget_item(100))
    interrupted = cast("Any", InterruptedClient(aws.dynamodb, lambda: administration.delete(KEY_ID)))

    with pytest.raises(KeyNotFound):
        change(KeyAdministration(interrupted, aws.keys_table), rpm=5)

    assert administration.list() == []


def test_a_repeated_write_moves_the_money_once(aws: Aws) -> None:
    put_key(aws, budget_item(100))

    change(KeyAdministration(cast("Any", RepeatingClient(aws.dynamodb)), aws.keys_table), budget=150)

    key = read_key(aws)
    assert (key["remaining"], key["version"]) == (150, 2)


def test_a_key_from_before_the_ledger_is_adopted_first(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, old_key_item(token()))

    change(administration, budget=100)

    key = read_key(aws)
    assert (key["remaining"], key["alerted"], key["default_max_output"], key["concurrency"]) == (100, 0, 8_192, 50)


def test_a_new_key_with_a_budget_is_complete(aws: Aws, administration: KeyAdministration) -> None:
    issued = administration.create("tests", NOW, limits=KeyLimits(budget=100, period="day"))

    key = read_key(aws, issued.key.id)
    assert (key["remaining"], key["spent"], key["total"], key["alerted"]) == (100, 0, 0, 0)
    assert (key["period_end"], key["concurrency"], key["default_max_output"]) == (MIDNIGHT, 50, 8_192)
    assert administration.show(issued.key.id) == issued.key


def test_limits_that_cannot_stand_together_change_nothing(aws: Aws, administration: KeyAdministration) -> None:
    put_key(aws, budget_item(100))

    with pytest.raises(LimitInvalid):
        change(administration, concurrency=None)
    with pytest.raises(LimitInvalid):
        administration.create("tests", NOW, limits=KeyLimits(period="day"))

    assert read_key(aws)["version"] == 1


budgets = st.none() | st.integers(1, 10**21)
changes = st.fixed_dictionaries({}, optional={"budget": budgets, "rpm": st.none() | st.integers(1, 9)})
steps = st.lists(changes.filter(bool) | st.integers(1, 10**20), max_size=8)


@given(steps)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_changes_and_calls_breaks_the_sums(aws: Aws, steps: list[dict[str, Any] | int]) -> None:
    put_key(aws, budget_item(100, HOLDS, spent=10))
    administration = KeyAdministration(aws.dynamodb, aws.keys_table)
    spent = 10

    for step in steps:
        if isinstance(step, int):
            spend(aws, step)
            spent += step
        else:
            change(administration, **step)
        key = read_key(aws)
        assert key["spent"] + key["total"] == spent
