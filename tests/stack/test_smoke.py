"""`make smoke`, which examines a deployed gateway, examines the local one: what it asks of AWS is asked here too."""

import os
import subprocess
from typing import Any

import pytest

from tests.stack.repository import HOSTILE, ROOT

MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""A make that runs these tests would hand its settings on."""


def smoke(**target: str) -> subprocess.CompletedProcess[str]:
    caller = {name: value for name, value in os.environ.items() if name not in {*MAKES_OWN, *HOSTILE}}
    return subprocess.run(
        ["make", "smoke"], cwd=ROOT, env=caller | target, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def account(stack: dict[str, Any]) -> dict[str, str]:
    """The emulated account, as a caller's shell names one."""
    return {
        "AWS_ENDPOINT_URL": stack["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
    }


@pytest.mark.thorough
def test_a_stack_passes_by_its_name(stack: dict[str, Any], account: dict[str, str], provider: object) -> None:
    places = {"BASE_URL": stack["base_url"], "PROVIDER_URL": stack["provider_url"]}

    examined = smoke(STACK=stack["stack_name"], **places, **account)

    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert " passed" in examined.stdout
    assert "skipped" not in examined.stdout


def test_a_stack_that_is_not_there_is_refused(stack: dict[str, Any], account: dict[str, str]) -> None:
    examined = smoke(STACK="no-such-stack", **account)

    assert examined.returncode != 0
    assert "There is no stack 'no-such-stack'" in examined.stderr
    assert "Traceback" not in examined.stderr
