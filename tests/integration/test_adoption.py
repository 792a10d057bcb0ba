"""What `make deploy` finds of the tables and the secret that a deployment adopts."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.emulated_aws import TEMPLATE, Aws
from tests.integration.mock_server import serve_response
from tools.adoption import find_problems
from tools.stage import Stage

STAGE = Stage("dev", "qwen-gateway-dev", "us-east-1", "", [])
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ProviderKeysSecret-AbCdEf"
OWN_KEY = "alias/aws/secretsmanager"


def find_arn(aws: Aws) -> str:
    return aws.secretsmanager.describe_secret(SecretId=aws.provider_keys_secret)["ARN"]


def find(stage: Stage = STAGE, /, **parameters: Any) -> list[str]:
    return find_problems(TEMPLATE, parameters, stage)


def test_tables_and_secret_of_a_stack_can_be_adopted(aws: Aws) -> None:
    parameters = {"ExistingKeysTable": aws.keys_table, "ExistingUsageTable": aws.usage_table}

    assert find(**parameters, ExistingProviderKeysSecret=find_arn(aws)) == []


def test_the_own_kms_key_of_secrets_manager_is_accepted(aws: Aws) -> None:
    aws.secretsmanager.update_secret(SecretId=aws.provider_keys_secret, KmsKeyId=OWN_KEY)

    assert find(ExistingProviderKeysSecret=find_arn(aws)) == []


@pytest.mark.usefixtures("aws_environment")
def test_a_deployment_that_adopts_nothing_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert find(Stage="dev", ExistingKeysTable="") == []


def test_every_problem_is_reported_with_its_parameter(aws: Aws) -> None:
    keys, usage, secret = find(
        ExistingKeysTable="keys-of-june", ExistingUsageTable="usage-of-june", ExistingProviderKeysSecret=ARN
    )

    assert keys == (
        "ExistingKeysTable=keys-of-june: this account has no such table in region us-east-1. "
        "List the tables: aws dynamodb list-tables"
    )
    assert usage.startswith("ExistingUsageTable=usage-of-june: this account has no such table")
    assert secret == (
        f"ExistingProviderKeysSecret={ARN}: this account has no such secret in region us-east-1. "
        "List the secrets: aws secretsmanager list-secrets"
    )


def test_exchanged_tables_are_reported_with_both_keys(aws: Aws) -> None:
    assert find(ExistingKeysTable="UsageTable", ExistingUsageTable="KeysTable") == [
        (
            "ExistingKeysTable=UsageTable: the key of this table is pk (HASH, S) and sk (RANGE, S), "
            "but the gateway needs id (HASH, S)."
        ),
        (
            "ExistingUsageTable=KeysTable: the key of this table is id (HASH, S), "
            "but the gateway needs pk (HASH, S) and sk (RANGE, S)."
        ),
    ]


def test_a_key_of_another_type_is_reported(aws: Aws) -> None:
    aws.dynamodb.create_table(
        TableName="numbers",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    (problem,) = find(ExistingKeysTable="numbers")

    assert problem.endswith("the key of this table is id (HASH, N), but the gateway needs id (HASH, S).")


def test_a_table_that_is_being_restored_is_reported(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_response(200, '{"Table": {"TableStatus": "CREATING"}}') as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        (problem,) = find(ExistingKeysTable="restored")

    assert problem == (
        "ExistingKeysTable=restored: the table is CREATING. Wait: aws dynamodb wait table-exists --table-name restored"
    )


def test_a_secret_that_will_be_deleted_is_reported(aws: Aws) -> None:
    arn = find_arn(aws)
    aws.secretsmanager.delete_secret(SecretId=arn)
    (problem,) = find(ExistingProviderKeysSecret=arn)

    assert problem.endswith(f"the secret will be deleted. Keep it: aws secretsmanager restore-secret --secret-id {arn}")


def test_a_secret_under_a_key_that_the_functions_may_not_use_is_reported(aws: Aws) -> None:
    arn = find_arn(aws)
    aws.secretsmanager.update_secret(SecretId=arn, KmsKeyId="alias/own")
    (problem,) = find(ExistingProviderKeysSecret=arn)

    assert "is encrypted with alias/own" in problem
    assert problem.endswith(f"--secret-id {arn} --kms-key-id {OWN_KEY}")


def test_a_secret_of_another_region_is_reported(aws: Aws) -> None:
    (problem,) = find(ExistingProviderKeysSecret=ARN.replace("us-east-1", "eu-west-1"))

    assert problem.endswith("the secret is in region eu-west-1, but the stack in us-east-1.")


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("ExistingKeysTable", "arn:aws:dynamodb:us-east-1:123456789012:table/keys", "the name of a DynamoDB table"),
        ("ExistingUsageTable", "us", "the name of a DynamoDB table"),
        ("ExistingProviderKeysSecret", "ProviderKeysSecret", "the complete ARN of a secret"),
        ("ExistingProviderKeysSecret", ARN.removesuffix("-AbCdEf"), "the complete ARN of a secret"),
    ],
)
@pytest.mark.usefixtures("aws_environment")
def test_a_malformed_value_is_reported_without_a_call(
    monkeypatch: pytest.MonkeyPatch, parameter: str, value: str, expected: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (problem,) = find(**{parameter: value})

    assert problem.startswith(f"{parameter}={value}: it has to be {expected}")


def test_a_misspelt_parameter_is_reported_with_those_that_exist() -> None:
    (problem,) = find(ExistingKeyTable="keys")

    assert problem == (
        "The template has no parameter ExistingKeyTable. "
        "It has: ExistingKeysTable, ExistingUsageTable, ExistingProviderKeysSecret."
    )


def test_denied_calls_name_the_operation(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_response(400, '{"__type": "AccessDeniedException", "Message": "no"}') as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        (problem,) = find(ExistingKeysTable="keys")

    assert problem == (
        "ExistingKeysTable=keys: it cannot be checked: AWS denies DescribeTable to these credentials: no"
    )


def test_the_profile_and_the_region_are_those_of_the_stage(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    (problem,) = find(STAGE._replace(profile="production"), ExistingKeysTable="keys")
    assert problem.startswith("ExistingKeysTable cannot be checked:")
    assert "production" in problem
    (problem,) = find(STAGE._replace(region="eu-west-1"), ExistingKeysTable=aws.keys_table)
    assert "in region eu-west-1" in problem
