"""`make smoke`, against the local stack, with the same AWS calls as against a deployed one."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.policies import VALUES, find_action, find_denied, find_unused, list_permissions
from tests.smoke.claims import Claim
from tests.smoke.report import LOCAL_NOTE, MOCK_NOTE
from tests.stack.aws_call_recorder import AwsCallRecorder, Call
from tests.stack.repository import CALLER_ENV, ROOT

MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""An outer make would pass its settings on."""
NOT_PROVEN_LOCALLY = {claim for claim in Claim if claim.not_automated} | {Claim.THROTTLING}


def run_smoke(**target: str) -> subprocess.CompletedProcess[str]:
    caller = {name: value for name, value in os.environ.items() if name not in {*MAKE_VARIABLES, *CALLER_ENV}}
    return subprocess.run(
        ["make", "smoke"], cwd=ROOT, env=caller | target, capture_output=True, text=True, timeout=300, check=False
    )


def find_arn(call: Call, stack: Mapping[str, Any]) -> str:
    """Return the ARN of a call's resource, with the names that AWS would give."""
    if call.service == "secretsmanager":
        return f"arn:aws:secretsmanager:us-east-1:{VALUES['ACCOUNT_ID']}:secret:ProviderKeysSecret-1ABC-2Def"
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
    lines = result.stdout.splitlines()
    assert LOCAL_NOTE in lines
    assert MOCK_NOTE in lines
    for claim in Claim:
        (line,) = [line for line in lines if claim.text in line]
        expected = "not proven: " if claim in NOT_PROVEN_LOCALLY else "proven on the local stack: "
        assert line.startswith(expected), line
    assert not [line for line in lines if "on AWS:" in line]
    assert re.search(r"end of a stream \(\d\.\d s of \d\.\d s\)", result.stdout)
    used = {(find_action(call.service, call.operation), find_arn(call, stack)) for call in recorder.take()}
    assert find_denied(used, list_permissions("OperatorPolicy", "SmokePolicy")) == set()
    assert find_unused(used, list_permissions("SmokePolicy")) == set()


@pytest.mark.thorough  # a test session of its own
def test_claims_without_all_their_tests_are_not_proven(stack: dict[str, Any], account: dict[str, str]) -> None:
    places = {"BASE_URL": stack["base_url"], "PROVIDER_URL": stack["provider_url"]}
    caller = {name: value for name, value in os.environ.items() if name not in CALLER_ENV}

    result = subprocess.run(
        [sys.executable, "-m", "tests.smoke", "-k", "preflight or large"],
        cwd=ROOT,
        env=caller | {"STACK": stack["stack_name"]} | places | account,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    proven = [line for line in result.stdout.splitlines() if line.startswith("proven")]
    assert proven == [f"proven on the local stack: {Claim.PREFLIGHTS.text}"]


def test_an_unknown_stack_is_rejected(stack: dict[str, Any], account: dict[str, str]) -> None:
    result = run_smoke(STACK="no-such-stack", **account)

    assert result.returncode != 0
    assert "There is no stack 'no-such-stack'" in result.stderr
    assert "Traceback" not in result.stderr
