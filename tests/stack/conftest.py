"""Fixtures of the stack tests: one shared stack, and a private repository for the life-cycle tests."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import httpx2
import openai
import pytest

from tests.stack.repository import Repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return the repository of the shared stack."""
    return Repository(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def welcome(repository: Repository) -> Iterator[str]:
    """Start the shared stack and return the output of `up --detach`."""
    started = repository.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield started.stdout
    repository.run("down")


@pytest.fixture(scope="session")
def stack(repository: Repository, welcome: str) -> dict[str, Any]:
    """Return stack.json of the shared stack."""
    return repository.stack


@pytest.fixture(scope="session")
def account(stack: dict[str, Any]) -> dict[str, str]:
    """Return the variables of the emulated account, for commands that address a stack on AWS."""
    return {
        "AWS_ENDPOINT_URL": stack["aws_endpoint_url"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
    }


@pytest.fixture(scope="session")
def _second_repository(
    repository: Repository, stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    second = Repository(tmp_path_factory.mktemp("own"))
    second.copy_build(repository)
    return second


@pytest.fixture
def own(_second_repository: Repository) -> Iterator[Repository]:
    """Return a repository without a running stack; stop its stack afterwards."""
    yield _second_repository
    _second_repository.run("down")


@pytest.fixture
def client(stack: dict[str, Any]) -> openai.OpenAI:
    """Return OpenAI's client with its defaults."""
    return openai.OpenAI(base_url=stack["base_url"], api_key=stack["api_key"])


@pytest.fixture
def provider(stack: dict[str, Any]) -> Iterator[httpx2.Client]:
    """Return a client of the mock provider's control interface, which is reset before and after each test."""
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
