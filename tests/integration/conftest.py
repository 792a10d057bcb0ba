"""What integration tests share: AWS by moto, and none of the developer's own."""

from collections.abc import Iterator

import pytest

from qwen_gateway import aws as aws_clients
from qwen_gateway import config
from qwen_gateway_cli.local.mock_qwen import RunningMockQwen, run_mock_qwen
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
    """Dummy credentials; whatever the code under test keeps for the life of a process is forgotten."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield
    _forget()


@pytest.fixture
def aws(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Tables and secret as template.yaml has them, and the environment that it gives a function."""
    with emulated_aws() as account:
        monkeypatch.setenv("KEYS_TABLE", account.keys_table)
        monkeypatch.setenv("USAGE_TABLE", account.usage_table)
        monkeypatch.setenv("PROVIDER_KEYS_SECRET", account.provider_keys_secret)
        yield account


@pytest.fixture(scope="session")
def _running() -> Iterator[RunningMockQwen]:
    with run_mock_qwen() as running:
        yield running


@pytest.fixture
def provider(_running: RunningMockQwen) -> RunningMockQwen:
    """The stand-in provider, as if just started."""
    _running.reset()
    return _running


def _forget() -> None:
    """Drop the clients and the configuration that the code under test keeps for the life of a process."""
    for kept in (aws_clients._session, aws_clients.dynamodb, aws_clients.secretsmanager):
        kept.cache_clear()
    config.configuration.cache_clear()
    config.environment.cache_clear()
