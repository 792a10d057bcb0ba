"""What integration tests share: AWS by moto, and none of the developer's own."""

import functools
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from qwen_gateway import aws as aws_clients
from qwen_gateway import config
from qwen_gateway_cli.local.provider import RunningProvider, running_provider
from tests.integration.emulated_aws import Aws, emulated_aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_secretsmanager import SecretsManagerClient

DUMMY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
FOREIGN = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "GATEWAY_CONFIG",
)


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dummy credentials; whatever the code under test keeps for the life of a process is forgotten."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield
    _forget()


@functools.cache
def _shared_clients() -> "tuple[DynamoDBClient, SecretsManagerClient]":
    """Return the clients that the code under test makes, once for the whole session."""
    _forget()
    return aws_clients.dynamodb(), aws_clients.secretsmanager()


@pytest.fixture
def aws(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Tables and secret as template.yaml has them, and the environment that it gives a function."""
    with emulated_aws() as account:
        dynamodb, secretsmanager = _shared_clients()
        monkeypatch.setattr(aws_clients, "dynamodb", functools.cache(lambda: dynamodb))
        monkeypatch.setattr(aws_clients, "secretsmanager", functools.cache(lambda: secretsmanager))
        monkeypatch.setenv("KEYS_TABLE", account.keys_table)
        monkeypatch.setenv("USAGE_TABLE", account.usage_table)
        monkeypatch.setenv("PROVIDER_KEYS_SECRET", account.provider_keys_secret)
        yield account


_default_context = functools.cache(ssl.create_default_context)


@pytest.fixture
def shared_ssl_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the certificate authorities once per session instead of once per transport."""
    monkeypatch.setattr(ssl, "create_default_context", _default_context)


@pytest.fixture(scope="session")
def _running() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def provider(_running: RunningProvider) -> RunningProvider:
    """The stand-in provider, as if just started."""
    _running.reset()
    return _running


def _forget() -> None:
    """Drop the clients and the configuration that the code under test keeps for the life of a process."""
    for kept in (aws_clients._session, aws_clients.dynamodb, aws_clients.secretsmanager):
        kept.cache_clear()
    config.configuration.cache_clear()
    config.environment.cache_clear()
