"""`make smoke`, against the local stack, with the same AWS calls as against a deployed one."""

import os
import subprocess
from typing import Any

import pytest

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


@pytest.mark.thorough
def test_a_stack_named_in_the_environment_passes(
    stack: dict[str, Any], account: dict[str, str], provider: object
) -> None:
    places = {"BASE_URL": stack["base_url"], "PROVIDER_URL": stack["provider_url"]}

    result = run_smoke(STACK=stack["stack_name"], **places, **account)

    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


def test_an_unknown_stack_is_rejected(stack: dict[str, Any], account: dict[str, str]) -> None:
    result = run_smoke(STACK="no-such-stack", **account)

    assert result.returncode != 0
    assert "There is no stack 'no-such-stack'" in result.stderr
    assert "Traceback" not in result.stderr
