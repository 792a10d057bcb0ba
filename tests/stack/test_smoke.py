"""`make smoke`, against the local stack, with the same AWS calls as against a deployed one."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.policies import VALUES, find_action, find_denied, find_unused, list_permissions
from tests.stack.aws_call_recorder import AwsCallRecorder, Call
from tests.stack.repository import CALLER_ENV, ROOT

MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""An outer make would pass its settings on."""


def run_smoke(**target: str) -> subprocess.CompletedProcess[str]:
    caller = {name: value for name, value in os.environ.items() if name not in {*MAKE_VARIABLES, *CALLER_ENV}}
    return subprocess.run(
        ["make", "smoke"], cwd=ROOT, env=caller | target, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def account(stack: dict[str, Any]) -> dict[str, str]:
    """Return the variables of the emulated account."""
    return {
        "AWS_ENDPOINT_URL": stack["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
    }


def find_arn(call: Call, stack: Mapping[str, Any]) -> str:
    """Return the ARN of a call's resource, with the names that AWS would give."""
    named = call.parameters.get("TableName") or call.parameters.get("FunctionName") or call.parameters.get("StackName")
    kind = {"cloudformation": "stack/", "dynamodb": "table/", "lambda": "function:"}[call.service]
    uuid = "/a-uuid" if call.service == "cloudformation" else ""
    arn = call.parameters.get("Arn") or f"arn:aws:{call.service}:us-east-1:{VALUES['ACCOUNT_ID']}:{kind}{named}{uuid}"
    return arn.replace(stack["stack_name"], VALUES["STACK_NAME"]).replace("000000000000", VALUES["ACCOUNT_ID"])


@pytest.mark.thorough
def test_a_stack_named_in_the_environment_passes_with_the_permissions_of_its_policies(
    stack: dict[str, Any], account: dict[str, str], provider: object, tmp_path: Path
) -> None:
    places = {"BASE_URL": stack["base_url"], "PROVIDER_URL": stack["provider_url"]}
    recorder = AwsCallRecorder(tmp_path)

    result = run_smoke(STACK=stack["stack_name"], **places, **account, **recorder.variables)

    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout
    used = {(find_action(call.service, call.operation), find_arn(call, stack)) for call in recorder.take()}
    assert find_denied(used, list_permissions("OperatorPolicy", "SmokePolicy")) == set()
    assert find_unused(used, list_permissions("SmokePolicy")) == set()


def test_an_unknown_stack_is_rejected(stack: dict[str, Any], account: dict[str, str]) -> None:
    result = run_smoke(STACK="no-such-stack", **account)

    assert result.returncode != 0
    assert "There is no stack 'no-such-stack'" in result.stderr
    assert "Traceback" not in result.stderr
