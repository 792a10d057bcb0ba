"""What integration tests share: AWS by moto, and none of the developer's own."""

import os
from collections.abc import Iterator
from typing import Any, Self

import pytest
from botocore.config import Config
from botocore.loaders import Loader

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


class SharedSession:
    """Stands for `qwen_gateway.aws._session`; the same environment gets the same clients.

    An environment that names an endpoint gets clients of its own, because its server lives for one test only.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._clients: dict[tuple[Any, ...], Any] = {}

    def __call__(self) -> Self:
        return self

    def cache_clear(self) -> None:
        """Forget the session, as `functools.cache` does."""
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
    """Share what botocore's loaders have read, because each new session reads the models of its services again."""
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
