"""A key's own use: two reads, of this month alone, and only with a valid token."""

from typing import Any

import pytest

from qwen_gateway.errors import KeyRevoked, KeyUnknown, LedgerUnavailable
from qwen_gateway.ledger.own_usage import OwnUsage
from qwen_gateway.ledger.roll_up import RollUp
from tests.builders import key_item, key_snapshot, token
from tests.builders.ledger import KEY_ID
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.clients import UNREACHABLE, client_without_retries
from tests.integration.ledger.items import put_key
from tests.integration.ledger.rolled_up_days import put_call

NOW = 1_795_543_200
"""2026-11-24, 18:00 UTC."""
DAY_S = 86_400


def open_usage(aws: Aws) -> OwnUsage:
    return OwnUsage(aws.dynamodb, aws.keys_table, aws.usage_table)


@pytest.fixture
def text(aws: Aws) -> str:
    """The token of a key that was used in two months."""
    text = token()
    put_key(aws, key_item(text))
    for days in (0, 1, 30):
        put_call(aws, (NOW - 7_200 - days * DAY_S) * 1_000)
    RollUp(aws.dynamodb, aws.usage_table, NOW).run(key_snapshot())
    return text


def test_it_takes_two_reads_and_has_the_days_of_this_month(aws: Aws, text: str) -> None:
    operations: list[str] = []

    def record(model: Any, **_: Any) -> None:
        operations.append(model.name)

    aws.dynamodb.meta.events.register("before-call.dynamodb", record)
    try:
        key, rows = open_usage(aws).read(text, NOW)
    finally:
        aws.dynamodb.meta.events.unregister("before-call.dynamodb", record)

    assert operations == ["GetItem", "Query"]
    assert (key.id, [row.day for row in rows]) == (KEY_ID, ["2026-11-23", "2026-11-24"])


def test_a_key_that_is_not_valid_sees_nothing(aws: Aws, text: str) -> None:
    with pytest.raises(KeyUnknown):
        open_usage(aws).read(token(), NOW)

    put_key(aws, key_item(text, disabled=True))
    with pytest.raises(KeyRevoked):
        open_usage(aws).read(text, NOW)


def test_a_usage_table_that_cannot_be_read_is_told(aws: Aws, text: str) -> None:
    with pytest.raises(LedgerUnavailable):
        OwnUsage(aws.dynamodb, aws.keys_table, "NoSuchTable").read(text, NOW)


def test_a_ledger_that_cannot_be_reached_is_told(aws: Aws, text: str) -> None:
    with pytest.raises(LedgerUnavailable):
        OwnUsage(client_without_retries(UNREACHABLE), aws.keys_table, aws.usage_table).read(text, NOW)
