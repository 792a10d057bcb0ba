"""`qwen-gateway keys create`, `set`, `show` and `refund`: limits and money, and what is said of bad ones."""

import json
import time
from typing import Any

import pytest

from qwen_gateway.ledger import UsageLedger
from qwen_gateway.ledger.dynamodb import from_item
from tests.builders import key_item, token, usage_record
from tests.builders.ledger import KEY_ID, budget_item, put_expired_hold
from tests.integration.cli.operator import Run
from tests.integration.emulated_aws import Aws

ALL_LIMITS = (
    *("--budget", "1.50", "--period", "month", "--rpm", "60", "--tpm", "100000", "--concurrency", "10"),
    *("--models", "qwen-plus,qwen-flash", "--default-max-output", "2000", "--on-limit", "warn"),
)


def create(run: Run, *options: str) -> dict[str, Any]:
    created: dict[str, Any] = json.loads(run("keys", "create", "--name", "tests", "--json", *options).out)
    return created


def read_item(aws: Aws, key_id: str) -> dict[str, Any]:
    return from_item(aws.dynamodb.get_item(TableName=aws.keys_table, Key={"id": {"S": key_id}})["Item"])


def test_every_limit_is_stored(aws: Aws, on_aws: Run) -> None:
    item = read_item(aws, create(on_aws, *ALL_LIMITS)["id"])

    assert (item["budget"], item["remaining"], item["period"]) == (1_500_000_000_000, 1_500_000_000_000, "month")
    assert (item["rpm"], item["tpm"], item["concurrency"]) == (60, 100_000, 10)
    assert item["models"] == ["qwen-plus", "qwen-flash"]
    assert (item["default_max_output"], item["on_limit"]) == (2_000, "warn")
    assert item["period_end"] > time.time()


def test_a_key_without_options_has_no_limits(aws: Aws, on_aws: Run) -> None:
    item = read_item(aws, create(on_aws)["id"])

    assert not item.keys() & {"budget", "period", "period_end", "rpm", "tpm", "concurrency", "models", "on_limit"}
    assert item["remaining"] == 0


def test_a_budget_without_a_period_is_total_and_the_command_says_so(aws: Aws, on_aws: Run) -> None:
    ended = on_aws("keys", "create", "--name", "tests", "--budget", "1", "--json")
    item = read_item(aws, json.loads(ended.out)["id"])

    assert (item["period"], item["concurrency"]) == ("total", 50)
    assert "period_end" not in item
    assert "whole life of the key (period total)" in ended.err


@pytest.mark.parametrize(
    "budget", ["0", "0.0", "-1", "1e3", "1,5", "ten", "", "nan", "1000000000000", "0.0000000000001"]
)
@pytest.mark.parametrize("command", [("create", "--name", "tests"), ("set", "AnyKey")])
def test_a_budget_that_is_none_is_refused(aws: Aws, on_aws: Run, command: tuple[str, ...], budget: str) -> None:
    ended = on_aws("keys", *command, f"--budget={budget}")

    assert ended.status == 1
    assert "above 0 and below 1,000,000,000" in ended.err
    assert aws.dynamodb.scan(TableName=aws.keys_table)["Count"] == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--period", "week"),
        ("--rpm", "0"),
        ("--tpm", "0"),
        ("--concurrency", "0"),
        ("--concurrency", "301"),
        ("--default-max-output", "0"),
        ("--on-limit", "ignore"),
        ("--expires-days", "0"),
    ],
)
def test_a_limit_out_of_range_is_refused_with_its_option(aws: Aws, on_aws: Run, option: str, value: str) -> None:
    ended = on_aws("keys", "create", "--name", "tests", "--budget", "1", option, value)

    assert ended.status == 2
    assert option in ended.err
    assert aws.dynamodb.scan(TableName=aws.keys_table)["Count"] == 0


@pytest.mark.parametrize("models", ["", "qwen-plus,", ",", " "])
def test_an_empty_model_name_is_refused(on_aws: Run, models: str) -> None:
    ended = on_aws("keys", "create", "--name", "tests", "--models", models)

    assert ended.status == 1
    assert "--models has an empty name" in ended.err


def test_a_model_without_a_route_is_stored_with_a_warning(aws: Aws, on_aws: Run) -> None:
    ended = on_aws("keys", "create", "--name", "tests", "--models", "qwen-plus, qwen-future", "--json")

    assert "No route has the model qwen-future." in ended.err
    assert read_item(aws, json.loads(ended.out)["id"])["models"] == ["qwen-plus", "qwen-future"]


def test_a_period_needs_a_budget(on_aws: Run) -> None:
    for command in (("create", "--name", "tests"), ("set", create(on_aws)["id"])):
        ended = on_aws("keys", *command, "--period", "day")
        assert ended.status == 1
        assert "Set a budget, too." in ended.err


def test_settings_are_changed_and_removed(aws: Aws, on_aws: Run) -> None:
    key_id = create(on_aws, *ALL_LIMITS)["id"]

    assert on_aws("keys", "set", key_id, "--rpm", "5", "--no-tpm", "--no-models", "--expires-days", "3").status == 0
    changed = read_item(aws, key_id)
    assert (changed["rpm"], changed["version"]) == (5, 2)
    assert not changed.keys() & {"tpm", "models"}
    assert changed["expires"] > time.time()

    assert on_aws("keys", "set", key_id, "--no-budget", "--no-concurrency", "--no-expires").status == 0
    bare = read_item(aws, key_id)
    assert not bare.keys() & {"budget", "period", "period_end", "concurrency", "expires"}
    assert bare["remaining"] == 0


def test_a_key_with_a_budget_keeps_a_concurrency_limit(on_aws: Run) -> None:
    ended = on_aws("keys", "set", create(on_aws, "--budget", "1")["id"], "--no-concurrency")

    assert ended.status == 1
    assert "Set one from 1 to 300." in ended.err


def test_a_change_of_nothing_and_a_contradiction_are_refused(on_aws: Run) -> None:
    key_id = create(on_aws)["id"]

    assert "Nothing is to be changed." in on_aws("keys", "set", key_id).err
    assert "--no-rpm removes what another option sets" in on_aws("keys", "set", key_id, "--rpm", "1", "--no-rpm").err


def test_an_unknown_and_a_revoked_key_are_not_changed(on_aws: Run) -> None:
    key_id = create(on_aws)["id"]
    on_aws("keys", "revoke", key_id)

    assert "There is no API key" in on_aws("keys", "set", "Nobody", "--rpm", "1").err
    assert "is revoked and cannot be changed" in on_aws("keys", "set", key_id, "--rpm", "1").err


def test_a_key_is_shown_with_what_is_spent_held_and_left(aws: Aws, on_aws: Run) -> None:
    minute = int(time.time()) // 60
    window = {f"r{at}": 3 for at in (minute, minute + 1)} | {f"t{at}": 40 for at in (minute, minute + 1)}
    holds = {"01ARZ3NDEKTSV4RRFFQ69G5FAV.0": 25 * 10**10}
    aws.dynamodb.put_item(
        TableName=aws.keys_table, Item=budget_item(15 * 10**11, holds, spent=1, total=7, window=window)
    )

    shown = json.loads(on_aws("keys", "show", KEY_ID, "--json").out)

    assert (shown["budget"], shown["spent"], shown["held"]) == ("1.5", "0.000000000001", "0.25")
    assert (shown["remaining"], shown["spent_in_earlier_periods"]) == ("1.249999999999", "0.000000000007")
    assert (shown["open_holds"], shown["requests_this_minute"], shown["tokens_this_minute"]) == (1, 3, 40)
    assert (shown["currency"], shown["period_end"]) == ("USD", None)
    assert "1.249999999999" in on_aws("keys", "show", KEY_ID).out


def test_a_key_from_before_the_ledger_is_shown(aws: Aws, on_aws: Run) -> None:
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(token()))

    shown = json.loads(on_aws("keys", "show", KEY_ID, "--json").out)

    assert (shown["budget"], shown["remaining"], shown["spent"], shown["open_holds"]) == (None, None, "0", 0)


def test_a_request_is_refunded_once(aws: Aws, on_aws: Run) -> None:
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(token()))
    UsageLedger(aws.dynamodb, aws.usage_table, 400).put_record(usage_record(cost=1_500_000_000, cost_currency="USD"))
    request = "req_01ARZ3NDEKTSV4RRFFQ69G5FAV"

    done = json.loads(on_aws("keys", "refund", request, "--json").out)
    again = on_aws("keys", "refund", request)

    assert done == {"request": request, "key": KEY_ID, "refunded": "0.0015", "currency": "USD"}
    assert (again.status, again.err.splitlines()[-1]) == (1, "This request was refunded before.")


@pytest.mark.parametrize(("request_id", "text"), [("req_1", "is not a request's ID"), ("0" * 26, "There is no record")])
def test_a_request_that_is_none_is_not_refunded(on_aws: Run, request_id: str, text: str) -> None:
    ended = on_aws("keys", "refund", request_id)

    assert ended.status == 1
    assert text in ended.err


def test_reconcile_runs_on_demand(aws: Aws, on_aws: Run) -> None:
    put_expired_hold(aws, amount=7)

    done = json.loads(on_aws("reconcile", "--now", "--json").out)

    assert (done["keys"], done["holds_released"], done["records_abandoned"], done["failed"]) == (1, 1, 1, 0)
    assert (read_item(aws, KEY_ID)["spent"], read_item(aws, KEY_ID)["remaining"]) == (7, 93)
    assert "Holds released: 0." in on_aws("reconcile", "--now").out


def test_reconcile_asks_for_its_option(on_aws: Run) -> None:
    ended = on_aws("reconcile")

    assert ended.status == 1
    assert "reconcile --now" in ended.err


def test_a_key_that_fails_is_named_and_ends_the_command_with_1(aws: Aws, on_aws: Run) -> None:
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=budget_item(100, {"no-ulid.0": 7}))

    ended = on_aws("reconcile", "--now")

    assert ended.status == 1
    assert f"key {KEY_ID}: a ULID has 26 characters" in ended.err
