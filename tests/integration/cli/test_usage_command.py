"""`qwen-gateway usage`: what it counts, and that table, JSON and CSV agree."""

import csv
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from qwen_gateway import ulid
from qwen_gateway.ledger import UsageLedger
from qwen_gateway.ledger.days import day_of, start_of
from qwen_gateway.ledger.dynamodb import to_item
from qwen_gateway.usage import Usage
from tests.builders import usage_record
from tests.integration.cli.operator import Run
from tests.integration.cli.usage_data import DOLLAR, NOW, TODAY, put_call, put_key, roll_up
from tests.integration.emulated_aws import Aws

OTHER_KEY = "TestKey00002"


@pytest.fixture(autouse=True)
def _evening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))


@pytest.fixture
def used(aws: Aws) -> None:
    """Two keys with calls of two days, models and currencies; some rolled up, some not."""
    put_key(aws)
    put_key(aws, OTHER_KEY, "frontend")
    put_call(aws, cost=3 * DOLLAR, end_user="ann", tags={"team": "blue", "app": "chat"})
    put_call(aws, cost=None, unpriced="no_price", model_used="qwen-max", end_user="bob")
    put_call(aws, at_s=NOW - 86_400, cost=2 * DOLLAR, end_user="ann", usage=Usage(1_000, 500))
    roll_up(aws)
    put_call(aws, at_s=NOW - 60, cost=DOLLAR // 2, outcome="provider_timeout")
    put_call(aws, key_id=OTHER_KEY, cost=5 * DOLLAR, cost_currency="EUR", provider="holysheep")


def read_lines(run: Run, *arguments: str) -> dict[str, dict[str, Any]]:
    return {line["name"]: line for line in json.loads(run("usage", *arguments, "--json").out)["lines"]}


EXPECTED = {
    "key": {"backend": (4, {"USD": "5.5"}), "frontend": (1, {"EUR": "5"})},
    "model": {
        "dashscope/qwen-plus": (3, {"USD": "5.5"}),
        "dashscope/qwen-max": (1, {}),
        "holysheep/qwen-plus": (1, {"EUR": "5"}),
    },
    "provider": {"dashscope": (4, {"USD": "5.5"}), "holysheep": (1, {"EUR": "5"})},
    "day": {"2026-11-23": (1, {"USD": "2"}), TODAY: (4, {"EUR": "5", "USD": "3.5"})},
    "end-user": {"ann": (2, {"USD": "5"}), "bob": (1, {}), "(none)": (2, {"EUR": "5", "USD": "0.5"})},
    "tag": {
        "team=blue": (1, {"USD": "3"}),
        "app=chat": (1, {"USD": "3"}),
        "(none)": (4, {"EUR": "5", "USD": "2.5"}),
    },
}


@pytest.mark.parametrize("by", EXPECTED)
def test_use_is_summed_by(on_aws: Run, used: None, by: str) -> None:
    document = json.loads(on_aws("usage", "--by", by, "--json").out)

    assert {line["name"]: (line["requests"], line["cost"]) for line in document["lines"]} == EXPECTED[by]
    assert (document["total"]["requests"], document["total"]["cost"]) == (5, {"EUR": "5", "USD": "5.5"})
    assert document["total"]["outcomes"] == {"answered": 4, "provider_timeout": 1}
    assert document["total"]["unpriced_reasons"] == {"no_price": 1}


def test_the_lines_with_the_highest_cost_come_first(on_aws: Run, used: None) -> None:
    assert next(iter(read_lines(on_aws))) == "dashscope/qwen-plus"


def test_latencies_are_measured_by_model(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    for latency in range(100, 2_100, 100):
        put_call(aws, latency_ms=latency, first_token_ms=latency // 2)

    (line,) = read_lines(on_aws).values()

    for field, exact in (("latency_p50_ms", 1_000), ("latency_p95_ms", 1_900), ("first_token_p95_ms", 950)):
        assert abs(line[field] - exact) <= exact * 0.1


@pytest.mark.parametrize("by", ["model", "day", "end-user"])
def test_table_csv_and_json_agree(on_aws: Run, used: None, by: str) -> None:
    lines = read_lines(on_aws, "--by", by)
    rows = list(csv.DictReader(io.StringIO(on_aws("usage", "--by", by, "--csv", "-").out)))
    table = on_aws("usage", "--by", by).out

    for name, line in lines.items():
        own = [row for row in rows if row["name"] == name]
        assert {row["currency"]: row["cost"] for row in own if row["cost"]} == line["cost"]
        assert sum(int(row["requests"] or 0) for row in own) == line["requests"]
        assert [row["latency_p95_ms"] for row in own if row["latency_p95_ms"]] == [str(line["latency_p95_ms"])]
        (shown,) = re.findall(rf"^{re.escape(name)} +([0-9]+) +([0-9]+) +([0-9,]+) +([0-9,]+) ", table, re.MULTILINE)
        counts = (line["requests"], line["answered"], line["tokens_in"], line["tokens_out"])
        assert tuple(int(cell.replace(",", "")) for cell in shown) == counts


def test_only_the_days_asked_for_are_counted(on_aws: Run, used: None) -> None:
    assert list(read_lines(on_aws, "--by", "day", "--to", "2026-11-23")) == ["2026-11-23"]
    assert list(read_lines(on_aws, "--by", "day", "--from", TODAY)) == [TODAY]


@pytest.mark.parametrize("at_ms", [start_of(TODAY), start_of(TODAY) - 1])
@pytest.mark.parametrize("rolls", [True, False])
def test_a_call_at_midnight_is_in_one_day(aws: Aws, on_aws: Run, at_ms: int, rolls: bool) -> None:
    put_key(aws)
    record = usage_record(id=ulid.new(at_ms), cost=DOLLAR, cost_currency="USD")
    UsageLedger(aws.dynamodb, aws.usage_table, 400).put_record(record)
    if rolls:
        roll_up(aws)

    assert {day: line["requests"] for day, line in read_lines(on_aws, "--by", "day").items()} == {day_of(at_ms): 1}


@pytest.mark.parametrize("by", ["model", "end-user"])
def test_a_month_with_nothing_is_said(aws: Aws, on_aws: Run, by: str) -> None:
    put_key(aws)

    ended = on_aws("usage", "--by", by, "--from", "2026-02-01", "--to", "2026-02-28")

    assert (ended.status, ended.out.splitlines()[-1]) == (0, "There were no requests.")


def test_a_deleted_key_is_read_by_its_id_and_its_open_calls_are_abandoned(aws: Aws, on_aws: Run) -> None:
    put_call(aws, key_id="GoneKey00001")
    record: Any = {"pk": "KEY#GoneKey00001", "sk": f"USE#{ulid.new((NOW - 9_000) * 1000)}", "state": "open"}
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(record))

    document = json.loads(on_aws("usage", "--key", "GoneKey00001", "--json").out)

    assert document["total"]["outcomes"] == {"abandoned": 1, "answered": 1}
    assert json.loads(on_aws("usage", "--json").out)["lines"] == []


def test_refunds_are_taken_off_and_named(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    put_call(aws, cost=3 * DOLLAR, end_user="ann")
    (item,) = aws.dynamodb.scan(TableName=aws.usage_table)["Items"]
    assert on_aws("keys", "refund", item["sk"]["S"].removeprefix("USE#")).status == 0

    assert read_lines(on_aws)["dashscope/qwen-plus"]["cost"] == {"USD": "0"}
    assert read_lines(on_aws, "--by", "end-user")["ann"]["cost"] == {"USD": "0"}
    assert "Refunds and corrected prices in it: -3.00 USD." in on_aws("usage").out


def test_keys_are_read_from_their_rows_and_not_from_records(aws: Aws, on_aws: Run) -> None:
    for number in range(5):
        put_key(aws, f"TestKey{number:05}", f"key {number}")
        put_call(aws, key_id=f"TestKey{number:05}")
    roll_up(aws, *(f"TestKey{number:05}" for number in range(5)))
    for item in list(_scan_records(aws)):
        aws.dynamodb.delete_item(TableName=aws.usage_table, Key={name: item[name] for name in ("pk", "sk")})

    assert {line["requests"] for line in read_lines(on_aws, "--by", "key").values()} == {1}


def _scan_records(aws: Aws) -> Iterator[Any]:
    for item in aws.dynamodb.scan(TableName=aws.usage_table)["Items"]:
        if item["sk"]["S"].startswith("USE#"):
            yield item


def test_the_side_of_aws_is_estimated_by_number_and_duration(aws: Aws, on_aws: Run) -> None:
    put_key(aws)
    put_call(aws, latency_ms=10_000)
    (short,) = read_lines(on_aws).values()
    put_call(aws, latency_ms=600_000)
    (long,) = read_lines(on_aws).values()

    # 610 s * 0.5 GB * 0.0000133334 USD, and less than a cent per thousand calls for the rest.
    assert Decimal("0.004066") < Decimal(long["aws_usd"]) < Decimal("0.004080")
    assert Decimal(short["aws_usd"]) < Decimal("0.0001")


def test_rows_of_focus_have_the_costs_and_the_adjustments(aws: Aws, on_aws: Run, used: None) -> None:
    rows = list(csv.DictReader(io.StringIO(on_aws("usage", "--focus", "-").out)))

    assert sum(Decimal(row["BilledCost"]) for row in rows if row["BillingCurrency"] == "USD") == Decimal("5.5")
    (row,) = [row for row in rows if row["BillingCurrency"] == "EUR"]
    assert (row["ChargeCategory"], row["ProviderName"], row["SkuId"]) == ("Usage", "holysheep", "qwen-plus")
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")
    assert (row["BillingPeriodEnd"], row["ResourceName"]) == ("2026-12-01T00:00:00Z", "frontend")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == ("15", "Tokens")


def test_files_are_written_beside_the_table(on_aws: Run, used: None, tmp_path: Any) -> None:
    ended = on_aws("usage", "--csv", "usage.csv", "--focus", "focus.csv")

    assert "dashscope/qwen-plus" in ended.out
    assert (tmp_path / "usage.csv").read_text().startswith("name,requests")
    assert (tmp_path / "focus.csv").read_text().startswith("BilledCost,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "yesterday"), "'yesterday' is no date. Write it as 2026-11-24."),
        (("--from", "2026-11-25"), "--from 2026-11-25 is after --to 2026-11-24."),
        (("--json", "--csv", "-"), "Choose one"),
        (("--csv", "no/such/folder.csv"), "cannot be written"),
    ],
)
def test_a_wrong_option_is_refused(aws: Aws, on_aws: Run, arguments: tuple[str, ...], said: str) -> None:
    ended = on_aws("usage", *arguments)

    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err
