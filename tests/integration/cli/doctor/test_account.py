"""What the doctor finds of the AWS account, and that nothing holds up the rest."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from qwen_gateway_cli.doctor import account
from tests.integration.chat.aws_calls import record_aws_calls
from tests.integration.cli.doctor.doctor_environment import (
    ALL_OF_DASHSCOPE,
    KEYS,
    SINGAPORE,
    DoctorEnvironment,
    limits,
    states,
)
from tests.integration.cli.operator import STACK, Run


def test_a_fresh_accounts_quota_is_a_warning(doctor_env: DoctorEnvironment, quota: Callable[..., None]) -> None:
    quota(limits(10))
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    row = doctor_env.rows()["aws", "concurrency"]

    assert (row["state"], doctor_env.ends().status) == ("warning", 0)
    assert "at most 10" in row["found"]


def test_denied_aws_calls_are_unknown_and_stop_no_other_check(
    doctor_env: DoctorEnvironment, quota: Callable[..., None]
) -> None:
    quota(json.dumps({"Code": "AccessDeniedException", "Message": "words of AWS"}), 403)
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    rows = doctor_env.rows()

    assert rows["aws", "concurrency"]["state"] == "warning"
    assert "not known: AWS" in rows["aws", "concurrency"]["found"]
    assert states(rows, SINGAPORE) == ALL_OF_DASHSCOPE


def test_access_logs_want_api_gateways_role(doctor_env: DoctorEnvironment) -> None:
    doctor_env.configure(access_logs="on")
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    assert states(doctor_env.rows(), "aws") == {"concurrency": "ok", "log role": "failed"}

    role = "arn:aws:iam::123456789012:role/api-gateway-logs"
    patch: Any = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
    boto3.client("apigateway").update_account(patchOperations=patch)
    assert states(doctor_env.rows(), "aws") == {"concurrency": "ok", "log role": "ok"}


@pytest.mark.parametrize("malformed", ["sk-marked", '{"dashscope": "sk-marked"}'])
def test_a_secret_that_cannot_be_read_is_a_finding_beside_the_others(
    doctor_env: DoctorEnvironment, malformed: str
) -> None:
    doctor_env.aws.secretsmanager.put_secret_value(SecretId=doctor_env.aws.provider_keys_secret, SecretString=malformed)
    ended = doctor_env.ends("--json")
    rows = {(row["subject"], row["check"]): row for row in json.loads(ended.out)["findings"]}

    assert ended.status == 1
    assert states(rows, "stack") == {"secret": "failed", "keys table": "ok", "usage table": "ok"}
    assert states(rows, "aws") == {"concurrency": "ok"}
    assert "marked" not in ended.out + ended.err


def test_nothing_on_aws_is_changed(doctor_env: DoctorEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor_env.configure(access_logs="on")
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    calls = record_aws_calls(monkeypatch)
    doctor_env.ends()

    assert set(calls) == {
        "DescribeStacks",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetAccount",
        "GetAccountSettings",
        "GetSecretValue",
    }


def test_a_defect_of_one_examination_leaves_the_others(
    doctor_env: DoctorEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError(KEYS[SINGAPORE])

    monkeypatch.setattr(account, "judge_concurrency", broken)
    doctor_env.keys(dashscope=KEYS[SINGAPORE])
    ended = doctor_env.ends("--json")
    rows = {(row["subject"], row["check"]): row for row in json.loads(ended.out)["findings"]}

    assert ended.status == 1
    assert rows["aws", "doctor"]["found"].endswith("ZeroDivisionError")
    assert states(rows, SINGAPORE) == ALL_OF_DASHSCOPE
    assert "Traceback" not in ended.out + ended.err


def test_missing_aws_credentials_are_one_line(
    run: Run, aws_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ended = run("doctor", "--stack", STACK)

    assert (ended.status, ended.out) == (1, "")
    assert "No AWS credentials" in ended.err.splitlines()[-1]
