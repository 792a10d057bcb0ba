"""The stack that `up --detach` starts, once for all tests of this tier; `down` ends it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx2
import openai
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("qwen-gateway")
HOSTILE = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
    "AWS_SECRET_ACCESS_KEY": "real-looking",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}
"""What a caller's shell may hold. With it in force, whatever left loopback would fail or reach a real account."""


def qwen_gateway(*arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
    """Run the operator's command from the repository, as a caller with a real account would."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=ROOT,
        env=os.environ | HOSTILE,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def stack() -> Iterator[dict[str, Any]]:
    """Return stack.json of a running stack."""
    started = qwen_gateway("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield json.loads((ROOT / ".local/stack.json").read_text(encoding="utf-8"))
    qwen_gateway("down")


@pytest.fixture
def client(stack: dict[str, Any]) -> openai.OpenAI:
    """Return the real client with its defaults."""
    return openai.OpenAI(base_url=stack["base_url"], api_key=stack["api_key"])


@pytest.fixture
def provider(stack: dict[str, Any]) -> Iterator[httpx2.Client]:
    """Return a client of the stand-in's control interface; every test leaves it as it was."""
    with httpx2.Client(base_url=stack["provider_url"], trust_env=False) as control:
        control.delete("/_control")
        yield control
        control.delete("/_control")


@pytest.fixture
def records(stack: dict[str, Any]) -> Any:
    """Return a function that reads every usage record."""
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=stack["aws_endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return lambda: dynamodb.scan(TableName=stack["usage_table"])["Items"]
