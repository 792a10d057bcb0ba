"""Fixtures of the integration tests: AWS emulated by moto, and no setting of the developer's shell."""

import os
from collections.abc import Iterator
from typing import Any, Self

import pytest
from botocore.config import Config
from botocore.loaders import Loader

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


class SharedSession:
    """Replaces `qwen_gateway.aws._session`: the same environment gets the same clients.

    An environment with an endpoint gets new clients, because the server of that endpoint exists for one test only.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._clients: dict[tuple[Any, ...], Any] = {}

    def __call__(self) -> Self:
        return self

    def cache_clear(self) -> None:
        """Drop the session, as `functools.cache` does."""
        self._session.cache_clear()

    def create_client(self, service: str, config: Config) -> Any:
        """Return a shared client, or a new one of the real session."""
        settings = sorted((name, value) for name, value in os.environ.items() if name.startswith(("AWS_", "HOME")))
        key = (service, config, *settings)
        if any(name.startswith("AWS_ENDPOINT_URL") for name, _ in settings):
            return self._session().create_client(service, config=config)
        if key not in self._clients:
            self._clients[key] = self._session().create_client(service, config=config)
        return self._clients[key]


@pytest.fixture(scope="session", autouse=True)
def _shared_function_clients() -> Iterator[None]:
    """Keep the functions' AWS clients between tests, because making a session and two clients takes 100 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws_clients, "_session", SharedSession(aws_clients._session))
        yield


@pytest.fixture(scope="session", autouse=True)
def _shared_service_models() -> Iterator[None]:
    """Share the loaders' service models, because each new session reads them again."""
    read: dict[tuple[Any, ...], Any] = {}
    make = Loader.__init__

    def make_with_shared_cache(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self._cache = read.setdefault((type(self), *self.search_paths), self._cache)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "__init__", make_with_shared_cache)
        yield


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set dummy credentials, and clear the caches of the code under test."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    _clear_caches()
    yield
    _clear_caches()


@pytest.fixture
def aws(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Return an account with the tables and secret of template.yaml, and set a function's environment variables."""
    with emulated_aws() as account:
        monkeypatch.setenv("KEYS_TABLE", account.keys_table)
        monkeypatch.setenv("USAGE_TABLE", account.usage_table)
        monkeypatch.setenv("PROVIDER_KEYS_SECRET", account.provider_keys_secret)
        monkeypatch.setenv("EXPOSED_HEADERS", "x-request-id,retry-after")
        yield account


@pytest.fixture(scope="session")
def _running() -> Iterator[RunningMockQwen]:
    with run_mock_qwen() as running:
        yield running


@pytest.fixture
def provider(_running: RunningMockQwen) -> RunningMockQwen:
    """Return the mock provider in its initial state."""
    _running.reset()
    return _running


def _clear_caches() -> None:
    """Clear the AWS clients and the configuration that the code under test caches."""
    for kept in (
        aws_clients._session,
        aws_clients.dynamodb,
        aws_clients.dynamodb_once,
        aws_clients.secretsmanager,
    ):
        kept.cache_clear()
    config.configuration.cache_clear()
    config.environment.cache_clear()
