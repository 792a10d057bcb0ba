"""One stack that `up --detach` starts for all tests that only call it, and a repository for those that stop theirs."""

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
    """Return what `up --detach` printed; the shared stack runs."""
    started = repository.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    yield started.stdout
    repository.run("down")


@pytest.fixture(scope="session")
def stack(repository: Repository, welcome: str) -> dict[str, Any]:
    """Return stack.json of the shared stack."""
    return repository.stack


@pytest.fixture(scope="session")
def _second_repository(
    repository: Repository, stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    second = Repository(tmp_path_factory.mktemp("own"))
    second.take_build_of(repository)
    return second


@pytest.fixture
def own(_second_repository: Repository) -> Iterator[Repository]:
    """Return a repository in which no stack runs, and in which none runs afterwards."""
    yield _second_repository
    _second_repository.run("down")


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
