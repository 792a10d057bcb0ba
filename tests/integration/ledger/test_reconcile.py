"""Reconcile mends what docs/ledger.md lists under "Crashes", and leaves everything else alone."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwen_gateway import ulid
from qwen_gateway.ledger import Alert
from qwen_gateway.ledger.key_snapshot import HOLD_LIFETIME_S
from qwen_gateway.ledger.reconcile import Outcome, Reconcile, Tables
from tests.builders import key_item, old_key_item, token
from tests.builders.ledger import KEY_ID, budget_item
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.interrupted_clients import InterruptedClient, RepeatingClient
from tests.integration.ledger.items import put_key, put_record, read_key, read_record

NOW = 1_790_000_000
MIDNIGHT = 1_790_035_200
EXPIRED = ulid.new((NOW - HOLD_LIFETIME_S) * 1000)
RUNNING = ulid.new((NOW - HOLD_LIFETIME_S) * 1000 + 1)


class Reports:
    """What a run reported."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []
        self.alerts: list[tuple[str, int]] = []

    def failed(self, key_id: str, failure: Exception) -> None:
        self.failures.append((key_id, type(failure).__name__))

    def alerted(self, key_id: str, alert: Alert) -> None:
        self.alerts.append((key_id, alert.level))


def reconcile(aws: Aws, *, client: Any = None, now: float = NOW, reports: Reports | None = None) -> Outcome:
    tables = Tables(aws.keys_table, aws.usage_table, retention_days=400, currency="USD")
    reporter = reports or Reports()
    outcome = Reconcile(cast("Any", client or aws.dynamodb), tables, now, reporter).run()
    assert reports or reporter.failures == []
    return outcome


def test_a_call_that_left_only_its_hold_is_charged_the_hold(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}, spent=10))

    outcome = reconcile(aws)

    key, record = read_key(aws), read_record(aws, EXPIRED)
    assert (key["remaining"], key["spent"], key["holds"]) == (60, 40, {})
    assert (record["state"], record["hold"], record["cost"]) == ("abandoned", f"{EXPIRED}.0", 30)
    assert (record["created"], record["cost_currency"]) == (NOW - HOLD_LIFETIME_S, "USD")
    assert record["expires_at"] == record["created"] + 400 * 86_400
    assert (outcome.holds_released, outcome.records_abandoned, outcome.failed) == (1, 1, 0)


def test_a_call_that_may_still_run_is_left_alone(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{RUNNING}.0": 30}))
    before = read_key(aws)

    assert reconcile(aws) == Outcome(keys=1)

    assert read_key(aws) == before
    assert read_record(aws, RUNNING) == {}


def test_a_hold_that_has_a_record_is_released_at_its_cost(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}))
    put_record(aws, EXPIRED, state="settled", hold=f"{EXPIRED}.0", cost=4)

    outcome = reconcile(aws)

    assert (read_key(aws)["remaining"], read_key(aws)["spent"]) == (96, 4)
    assert read_record(aws, EXPIRED)["state"] == "settled"
    assert (outcome.holds_released, outcome.records_abandoned) == (1, 0)


@pytest.mark.parametrize(("state", "cost"), [("settled", 4), ("not_called", 0)])
def test_a_second_hold_of_an_unclear_reserve_is_released_at_0(aws: Aws, state: str, cost: int) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30, f"{EXPIRED}.1": 30}))
    put_record(aws, EXPIRED, state=state, hold=f"{EXPIRED}.1", cost=cost)

    assert reconcile(aws).holds_released == 2

    assert (read_key(aws)["remaining"], read_key(aws)["spent"]) == (100 - cost, cost)


def test_of_two_holds_without_a_record_the_largest_is_charged(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 20, f"{EXPIRED}.1": 30}))

    reconcile(aws)

    assert read_record(aws, EXPIRED)["hold"] == f"{EXPIRED}.1"
    assert (read_key(aws)["remaining"], read_key(aws)["spent"]) == (70, 30)


def test_a_hold_of_0_makes_a_record_without_a_cost(aws: Aws) -> None:
    put_key(aws, key_item(token(), remaining=0, alerted=0, concurrency=5, holds={f"{EXPIRED}.0": 0}))

    reconcile(aws)

    record = read_record(aws, EXPIRED)
    assert (record["state"], record["unpriced"]) == ("abandoned", "abandoned")
    assert "cost" not in record
    assert read_key(aws)["holds"] == {}


def test_a_run_that_died_between_record_and_release_is_finished_by_the_next(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}))

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile(aws, client=InterruptedClient(aws.dynamodb, die))
    assert read_record(aws, EXPIRED)["cost"] == read_key(aws)["holds"][f"{EXPIRED}.0"] == 30

    reconcile(aws)
    assert (read_key(aws)["spent"], read_key(aws)["holds"]) == (30, {})


def test_two_runs_at_once_do_no_harm(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}, period="day", period_end=NOW, window={"r1": 1}))
    put_record(aws, ulid.new((NOW - HOLD_LIFETIME_S - 9) * 1000), state="open")
    other: list[Outcome] = []

    def run_another() -> None:
        if not other:
            other.append(Outcome())
            other[0] = reconcile(aws)

    outcome = reconcile(aws, client=InterruptedClient(aws.dynamodb, run_another))

    assert (read_key(aws)["spent"], read_key(aws)["total"], read_key(aws)["holds"]) == (0, 30, {})
    assert outcome.holds_released + other[0].holds_released == 1
    assert outcome.records_abandoned + other[0].records_abandoned == 2
    assert outcome.periods_rolled + other[0].periods_rolled == 1


def test_repeated_writes_take_effect_once(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}, period="day", period_end=NOW))

    reconcile(aws, client=RepeatingClient(aws.dynamodb))

    assert (read_key(aws)["remaining"], read_key(aws)["total"]) == (100, 30)


def test_a_raise_that_arrives_meanwhile_is_released_with_its_amount_at_the_same_cost(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}))
    raised = budget_item(100, {f"{EXPIRED}.0": 45})

    def raise_once() -> None:
        if read_key(aws)["holds"].get(f"{EXPIRED}.0") == 30:
            put_key(aws, raised)

    reconcile(aws, client=InterruptedClient(aws.dynamodb, raise_once))

    assert (read_key(aws)["remaining"], read_key(aws)["spent"], read_key(aws)["holds"]) == (70, 30, {})


@pytest.mark.parametrize("state", [{"disabled": True}, {"expires": 1}, {"on_limit": "warn"}])
def test_open_calls_of_any_key_are_closed(aws: Aws, state: dict[str, Any]) -> None:
    put_key(aws, budget_item(10, {f"{EXPIRED}.0": 30}, **state))

    reconcile(aws)

    assert (read_key(aws)["remaining"], read_key(aws)["spent"]) == (-20, 30)


def test_a_hold_over_the_end_of_a_period_is_charged_to_the_new_one(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{RUNNING}.0": 30}, spent=10, period="day", period_end=NOW))

    assert reconcile(aws).periods_rolled == 1
    rolled = read_key(aws)
    assert (rolled["remaining"], rolled["spent"], rolled["total"]) == (70, 0, 10)
    assert (rolled["period_end"], rolled["alerted"]) == (MIDNIGHT, 0)

    assert reconcile(aws, now=NOW + 300).periods_rolled == 0
    assert (read_key(aws)["remaining"], read_key(aws)["spent"]) == (70, 30)


def test_a_period_is_not_rolled_before_its_end(aws: Aws) -> None:
    put_key(aws, budget_item(100, spent=10, period="day", period_end=NOW + 1))

    assert reconcile(aws).periods_rolled == 0
    assert read_key(aws)["spent"] == 10


@pytest.mark.parametrize("skew_s", [-300, 300])
def test_clocks_five_minutes_apart_close_no_call_that_runs(aws: Aws, skew_s: int) -> None:
    """The longest call takes 900 s: its hold has another 600 s for clocks and late writes."""
    longest = ulid.new((NOW - 900 + skew_s) * 1000)
    put_key(aws, budget_item(100, {f"{longest}.0": 30}))

    assert reconcile(aws).holds_released == 0


def test_an_open_record_without_a_hold_is_abandoned(aws: Aws) -> None:
    put_key(aws, key_item(token(), remaining=0))
    over = ulid.new((NOW - HOLD_LIFETIME_S) * 1000 - 1)
    put_record(aws, over, state="open")
    put_record(aws, RUNNING, state="open")
    put_record(aws, ulid.new((NOW - 9 * HOLD_LIFETIME_S) * 1000), state="settled", cost=4)

    assert reconcile(aws).records_abandoned == 1

    abandoned = read_record(aws, over)
    assert (abandoned["state"], abandoned["unpriced"]) == ("abandoned", "abandoned")
    assert read_record(aws, RUNNING)["state"] == "open"


def test_an_open_record_that_is_settled_meanwhile_stays_settled(aws: Aws) -> None:
    put_key(aws, key_item(token(), remaining=0))
    call = ulid.new((NOW - HOLD_LIFETIME_S - 9) * 1000)
    put_record(aws, call, state="open")
    settle = InterruptedClient(aws.dynamodb, lambda: put_record(aws, call, state="settled", cost=4))

    assert reconcile(aws, client=settle).records_abandoned == 0
    assert (read_record(aws, call)["state"], read_record(aws, call)["cost"]) == ("settled", 4)


def test_counters_older_than_ten_minutes_are_removed(aws: Aws) -> None:
    minute = NOW // 60
    window = {f"{kind}{minute - age}": 1 for kind in "rt" for age in (0, 9, 10, 11, 12, 60)}
    put_key(aws, key_item(token(), window=window))

    reconcile(aws)

    assert set(read_key(aws)["window"]) == {f"{k}{minute - age}" for k in "rt" for age in (0, 9, 10)}


def test_a_key_from_before_the_ledger_is_left_alone(aws: Aws) -> None:
    put_key(aws, old_key_item(token()))
    before = read_key(aws)

    assert reconcile(aws) == Outcome(keys=1)
    assert read_key(aws) == before


def test_a_key_that_is_deleted_meanwhile_is_not_created_again(aws: Aws) -> None:
    put_key(aws, budget_item(100, {f"{EXPIRED}.0": 30}, period="day", period_end=NOW, window={"r1": 1}))
    delete = InterruptedClient(
        aws.dynamodb, lambda: aws.dynamodb.delete_item(TableName=aws.keys_table, Key={"id": {"S": KEY_ID}})
    )

    reconcile(aws, client=delete)

    assert aws.dynamodb.scan(TableName=aws.keys_table)["Count"] == 0


def test_a_key_that_fails_stops_neither_its_other_steps_nor_other_keys(aws: Aws) -> None:
    put_key(aws, budget_item(100, {"broken.0": 30}, period="day", period_end=NOW))
    other = token("TestKey00002")
    put_key(aws, key_item(other, remaining=-7, alerted=0, holds={f"{EXPIRED}.0": 7}))
    reports = Reports()

    outcome = reconcile(aws, reports=reports)

    assert reports.failures == [(KEY_ID, "ValueError")] * 2
    assert outcome == Outcome(keys=2, holds_released=1, records_abandoned=1, periods_rolled=1, failed=1)


def test_a_run_that_cannot_read_the_keys_fails(aws: Aws) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        reconcile(aws._replace(keys_table="NoSuchTable"))


amounts = st.integers(0, 10**21)
calls = st.fixed_dictionaries(
    {
        "age_s": st.integers(0, 2 * HOLD_LIFETIME_S),
        "holds": st.lists(amounts, min_size=1, max_size=3),
        "record": st.none() | st.tuples(st.integers(0, 3), amounts),
    }
)


@given(st.lists(calls, max_size=5), amounts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_calls_left_each_has_one_record_and_the_sums_are_right(
    aws: Aws, calls: list[dict[str, Any]], budget: int
) -> None:
    holds: dict[str, int] = {}
    expected = 0
    for call in calls:
        name = ulid.new((NOW - call["age_s"]) * 1000)
        amounts_of_call = {f"{name}.{n}": amount for n, amount in enumerate(call["holds"])}
        holds |= amounts_of_call
        if call["record"]:
            named, cost = f"{name}.{call['record'][0]}", call["record"][1]
            put_record(aws, name, state="settled", hold=named, cost=cost)
        else:
            named, cost = max(amounts_of_call.items(), key=lambda each: each[1])
        call["ulid"], is_expired = name, call["age_s"] >= HOLD_LIFETIME_S
        expected += cost if is_expired and named in amounts_of_call else 0
    put_key(aws, budget_item(budget + 1, holds))

    reconcile(aws)

    key = read_key(aws)
    assert key["spent"] == expected
    for call in calls:
        is_open = any(name.startswith(call["ulid"]) for name in key["holds"])
        assert is_open == (call["age_s"] < HOLD_LIFETIME_S)
        assert is_open or read_record(aws, call["ulid"])


@pytest.mark.parametrize(("spent", "alerted", "expected"), [(79, 0, []), (80, 0, [80]), (99, 80, []), (100, 80, [100])])
def test_an_alert_whose_call_did_not_hear_of_it_is_told_once(
    aws: Aws, spent: int, alerted: int, expected: list[int]
) -> None:
    put_key(aws, budget_item(100, spent=spent, alerted=alerted))
    reports = Reports()

    reconcile(aws, reports=reports)
    reconcile(aws, reports=reports)

    assert reports.alerts == [(KEY_ID, level) for level in expected]
