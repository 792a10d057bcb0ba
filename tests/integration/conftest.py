"""Fixtures of the integration tests: AWS emulated by moto, without the developer's AWS settings."""

from collections.abc import Iterator

import pytest

from qwen_gateway import aws as aws_clients
from qwen_gateway import config
from qwen_gateway_cli.local.provider import RunningProvider, running_provider
from tests.integration.emulated_aws import Aws, emulated_aws

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
    """Set dummy credentials and clear the caches of the code under test."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    _clear_caches()
    yield
    _clear_caches()


@pytest.fixture
def aws(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Create the tables and the secret of template.yaml, and set the functions' environment variables."""
    with emulated_aws() as account:
        monkeypatch.setenv("KEYS_TABLE", account.keys_table)
        monkeypatch.setenv("USAGE_TABLE", account.usage_table)
        monkeypatch.setenv("PROVIDER_KEYS_SECRET", account.provider_keys_secret)
        yield account


@pytest.fixture(scope="session")
def _running() -> Iterator[RunningProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def provider(_running: RunningProvider) -> RunningProvider:
    """Return the mock provider, reset to its initial state."""
    _running.reset()
    return _running


def _clear_caches() -> None:
    """Clear the clients and the configuration that the code under test caches for the life of a process."""
    for kept in (aws_clients._session, aws_clients.dynamodb, aws_clients.secretsmanager):
        kept.cache_clear()
    config.configuration.cache_clear()
    config.environment.cache_clear()
