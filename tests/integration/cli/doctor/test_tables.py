"""What the doctor finds of the stack's tables."""

from typing import Any

import pytest

from qwen_gateway_cli.doctor.tables import EXPIRY_ATTRIBUTE
from tests.contract.template import find_resources, transform
from tests.integration.cli.doctor.doctor_environment import KEYS, SINGAPORE, DoctorEnvironment, states
from tests.integration.mock_server import serve_response


@pytest.fixture(autouse=True)
def _provider_key(doctor_env: DoctorEnvironment) -> None:
    doctor_env.keys(dashscope=KEYS[SINGAPORE])


def test_existing_tables_are_well(doctor_env: DoctorEnvironment) -> None:
    assert states(doctor_env.rows(), "stack") == {"keys table": "ok", "usage table": "ok"}


@pytest.mark.parametrize("table", ["KeysTable", "UsageTable"])
def test_a_missing_table_fails(doctor_env: DoctorEnvironment, table: str) -> None:
    doctor_env.aws.dynamodb.delete_table(TableName=table)
    row = doctor_env.rows()["stack", {"KeysTable": "keys table", "UsageTable": "usage table"}[table]]

    assert (row["state"], row["found"]) == ("failed", f"the table {table} does not exist")
    assert "docs/operations.md, Restore" in row["advice"]


def test_a_usage_table_that_keeps_its_records_is_a_warning(doctor_env: DoctorEnvironment) -> None:
    """DynamoDB restores a table without this setting."""
    off: Any = {"Enabled": False, "AttributeName": EXPIRY_ATTRIBUTE}
    doctor_env.aws.dynamodb.update_time_to_live(TableName="UsageTable", TimeToLiveSpecification=off)
    row = doctor_env.rows()["stack", "usage table"]

    assert row["state"] == "warning"
    assert row["advice"].startswith("aws dynamodb update-time-to-live --table-name UsageTable")


def test_the_advised_attribute_is_that_of_the_template() -> None:
    usage = find_resources(transform(), "AWS::DynamoDB::Table")["UsageTable"]

    assert usage["TimeToLiveSpecification"] == {"AttributeName": EXPIRY_ATTRIBUTE, "Enabled": True}


@pytest.mark.parametrize(
    ("response", "state", "words"),
    [
        ((200, '{"Table": {"TableStatus": "CREATING"}}'), "failed", "is CREATING"),
        ((400, '{"__type": "AccessDeniedException", "Message": "no"}'), "warning", "AWS denies DescribeTable"),
    ],
)
def test_a_table_that_cannot_be_used_or_read_is_a_finding(
    doctor_env: DoctorEnvironment, monkeypatch: pytest.MonkeyPatch, response: tuple[int, str], state: str, words: str
) -> None:
    with serve_response(*response) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        row = doctor_env.rows()["stack", "keys table"]

    assert row["state"] == state
    assert words in row["found"]
