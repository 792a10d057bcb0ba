"""Usage records in the table."""

from typing import Any

import pytest

from qwen_gateway.errors import LedgerUnavailable
from qwen_gateway.ledger import UsageLedger, record_fields
from qwen_gateway.ledger.dynamodb import from_item, to_item
from tests.builders import usage_record
from tests.integration.emulated_aws import Aws
from tests.integration.ledger.clients import UNREACHABLE, client_without_retries
from tests.integration.mock_server import serve_aws_error


@pytest.fixture
def ledger(aws: Aws) -> UsageLedger:
    return UsageLedger(aws.dynamodb, aws.usage_table, retention_days=400)


def records(aws: Aws) -> list[dict[str, Any]]:
    return [from_item(item) for item in aws.dynamodb.scan(TableName=aws.usage_table)["Items"]]


def test_a_record_is_stored_with_all_its_fields_under_its_key(aws: Aws, ledger: UsageLedger) -> None:
    record = usage_record(end_user="u-1", tags={"team": "blue"}, client_retry_count=1)
    ledger.put_record(record)
    found = aws.dynamodb.query(
        TableName=aws.usage_table,
        KeyConditionExpression="#pk = :pk AND begins_with(#sk, :use)",
        ExpressionAttributeNames={"#pk": "pk", "#sk": "sk"},
        ExpressionAttributeValues={":pk": {"S": f"KEY#{record.key_id}"}, ":use": {"S": "USE#"}},
    )["Items"]
    assert [from_item(item) for item in found] == records(aws)
    assert records(aws) == [
        {
            "pk": f"KEY#{record.key_id}",
            "sk": f"USE#{record.id}",
            "created": record.created,
            "expires_at": record.created + 400 * 86_400,
            "model_asked": "qwen-plus",
            "model_used": "qwen-plus",
            "provider": "dashscope",
            "streamed": False,
            "status": 200,
            "outcome": "answered",
            "latency_ms": record.latency_ms,
            "first_token_ms": record.first_token_ms,
            "tokens_in": record.usage.tokens_in,
            "tokens_out": record.usage.tokens_out,
            "state": "settled",
            "end_user": "u-1",
            "tags": {"team": "blue"},
            "client_retry_count": 1,
            "attempts": [
                {
                    "provider": "dashscope",
                    "model": "qwen-plus",
                    "charged": "billed",
                    "latency_ms": record.attempts[0].latency_ms,
                    "http_status": 200,
                }
            ],
        }
    ]


def test_the_ttl_attribute_of_the_table_is_in_every_record(aws: Aws, ledger: UsageLedger) -> None:
    ledger.put_record(usage_record())
    lifetime = aws.dynamodb.describe_time_to_live(TableName=aws.usage_table)["TimeToLiveDescription"]
    assert lifetime["AttributeName"] in records(aws)[0]


def test_a_second_put_of_a_record_changes_nothing(aws: Aws, ledger: UsageLedger) -> None:
    ledger.put_record(usage_record())
    ledger.put_record(usage_record(outcome="provider_failed"))
    assert [record["outcome"] for record in records(aws)] == ["answered"]


def test_a_record_with_hostile_texts_is_stored(aws: Aws, ledger: UsageLedger) -> None:
    ledger.put_record(
        usage_record(end_user="\ud83d" + "x" * 100_000, tags={"": "dropped", "a": "", "\x00": "\U0001f511" * 500})
    )
    [stored] = records(aws)
    assert len(stored["end_user"]) == 128
    assert stored["tags"] == {"a": "", "\x00": "\U0001f511" * 128}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
        (500, "InternalServerError"),
    ],
)
def test_a_rejected_write_raises_ledger_unavailable(aws_environment: None, status: int, code: str) -> None:
    with serve_aws_error(status, code) as url, pytest.raises(LedgerUnavailable):
        UsageLedger(client_without_retries(url), "UsageTable", 400).put_record(usage_record())


def test_an_unreachable_dynamodb_raises_ledger_unavailable(aws_environment: None) -> None:
    with pytest.raises(LedgerUnavailable):
        UsageLedger(client_without_retries(UNREACHABLE), "UsageTable", 400).put_record(usage_record())


def test_a_lost_record_can_be_restored_from_its_logged_fields(aws: Aws, ledger: UsageLedger) -> None:
    record = usage_record()
    lost = record_fields(record)
    aws.dynamodb.put_item(TableName=aws.usage_table, Item=to_item(lost))
    [restored] = records(aws)
    aws.dynamodb.delete_item(TableName=aws.usage_table, Key={"pk": {"S": restored["pk"]}, "sk": {"S": restored["sk"]}})
    ledger.put_record(record)
    [written] = records(aws)
    assert written == restored | {"expires_at": written["expires_at"]}
