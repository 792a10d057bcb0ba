"""`qwen-gateway requests show`: everything that is known of a request."""

import json
from typing import Any

import pytest

from qwen_gateway.ledger import AttemptRecord, UsageLedger
from qwen_gateway.usage import Usage
from tests.builders import key_item, token, usage_record
from tests.integration.cli.operator import Run
from tests.integration.emulated_aws import Aws

ID = "req_01ARZ3NDEKTSV4RRFFQ69G5FAV"
PRICED: dict[str, Any] = {
    "usage": Usage(
        5_000, 100, tokens_cached=3_000, tokens_cache_write=1_500, tokens_thinking=60, cache_type="ephemeral"
    ),
    # (500 * 0.4 + 3,000 * 0.04 + 1,500 * 0.5 + 100 * 4) / 1,000,000 dollars
    "cost": (200 + 120 + 750 + 400) * 10**6,
    "cost_currency": "USD",
    "price": "dashscope-singapore/qwen-plus@2026-11-01",
}


def put(aws: Aws, **fields: Any) -> None:
    """Store a key and a record of it."""
    aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(token()))
    UsageLedger(aws.dynamodb, aws.usage_table, 400).put_record(usage_record(**fields))


def test_a_request_is_shown_with_every_part_of_its_cost(aws: Aws, on_aws: Run) -> None:
    put(aws, **PRICED)

    shown = json.loads(on_aws("requests", "show", ID, "--json").out)

    assert (shown["tokens_in"], shown["cost"]) == (5_000, 1_470_000_000)
    assert [(part["kind"], part["quantity"], part["price"], part["amount"]) for part in shown["cost_parts"]] == [
        ("input", 500, "0.4", "0.0002 USD"),
        ("cached", 3_000, "0.04", "0.00012 USD"),
        ("cache_write", 1_500, "0.5", "0.00075 USD"),
        ("output", 40, "4", "0.00016 USD"),
        ("thinking", 60, "4", "0.00024 USD"),
    ]


def test_a_person_sees_cost_and_attempts(aws: Aws, on_aws: Run) -> None:
    failed = AttemptRecord("dashscope", "qwen-plus", "presumed", 40, "ProviderTimeout", 504, "req-of-the-provider")
    put(aws, **PRICED, attempts=(failed,), tags={"team": "blue"})

    said = on_aws("requests", "show", ID).out

    for text in ("0.00147 USD", "thinking", "ProviderTimeout", "req-of-the-provider", "team=blue", ID):
        assert text in said


def test_the_cost_of_another_currency_is_explained_in_that_currency(aws: Aws, on_aws: Run) -> None:
    price = {"price": "dashscope-beijing/qwen-plus@2026-11-01", "exchange_rate": "0.14", "cost_currency": "USD"}
    put(aws, usage=Usage(1_000, 500), cost=252_000_000, **price)

    shown = json.loads(on_aws("requests", "show", ID, "--json").out)

    assert [part["amount"] for part in shown["cost_parts"]] == ["0.0008 CNY", "0.001 CNY"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"unpriced": "no_price"}, "no_price"),
        (PRICED | {"cost": 5}, "has changed since: it gives 0.00147 now"),
        (PRICED | {"price": "gone/qwen-plus@2020-01-01"}, "do not have gone/qwen-plus@2020-01-01"),
    ],
    ids=["unpriced", "a corrected price", "a price that is gone"],
)
def test_what_cannot_be_explained_is_said(fields: dict[str, Any], said: str, aws: Aws, on_aws: Run) -> None:
    put(aws, **fields)

    assert said in on_aws("requests", "show", ID).out


def test_it_is_found_among_more_keys_than_one_read_takes(aws: Aws, on_aws: Run) -> None:
    for number in range(101):
        aws.dynamodb.put_item(TableName=aws.keys_table, Item=key_item(token(f"TestKey{number:05}")))
    put(aws, key_id="TestKey00100")

    assert "TestKey00100" in on_aws("requests", "show", ID.removeprefix("req_")).out


@pytest.mark.parametrize(
    ("request_id", "said"),
    [
        ("req_01ARZ3NDEKTSV4RRFFQ69G5FAW", "There is no record"),
        ("c6af9ac6-7b61", "is not a request's ID"),
        ("", "is not"),
    ],
)
def test_an_unknown_id_is_refused(request_id: str, said: str, aws: Aws, on_aws: Run) -> None:
    put(aws)

    ended = on_aws("requests", "show", request_id)

    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err
