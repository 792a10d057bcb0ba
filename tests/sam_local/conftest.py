"""Fixtures of the tests under `sam local`: one environment for all of them."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.recorder.keys import ACTIVE
from tests.sam_local import daemon
from tests.sam_local.backends import Backends
from tests.sam_local.environment import SamEnvironment, start_environment
from tests.sam_local.fake_machine import FakeMachine
from tests.sam_local.sam import RunningApi

HERE = Path(__file__).parent
ALLOWED_HOSTS = ["127.0.0.1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
"""Loopback, and the private ranges of Docker's bridge."""
SHELL_VARIABLES = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
    "AWS_SECRET_ACCESS_KEY": "real-looking",
    "AWS_ENDPOINT_URL": "https://aws.invalid",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "KEYS_TABLE": "another-table",
    "GATEWAY_CONFIG": "no JSON",
}
"""Variables of a developer's shell that sam would pass to containers."""
IMAGE = pytest.StashKey[str]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.allow_hosts(ALLOWED_HOSTS), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if IMAGE in config.stash:
        terminalreporter.section("sam local")
        terminalreporter.write_line(f"functions ran on: {config.stash[IMAGE]}")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """Return a machine without commands and network devices."""
    fake = FakeMachine(tmp_path / "machine")
    monkeypatch.setenv("PATH", str(fake.commands))
    monkeypatch.setattr(daemon, "_NETWORK_DEVICES", tmp_path / "devices")
    return fake


@pytest.fixture(scope="session")
def sam_environment(pytestconfig: pytest.Config) -> Iterator[SamEnvironment]:
    """Start everything that `sam local` needs."""
    with pytest.MonkeyPatch.context() as shell:
        for name, value in SHELL_VARIABLES.items():
            shell.setenv(name, value)
        with start_environment() as running:
            pytestconfig.stash[IMAGE] = running.image.description
            yield running


@pytest.fixture(scope="session")
def api(sam_environment: SamEnvironment) -> Iterator[RunningApi]:
    """Start one `sam local start-api` with warm containers."""
    with sam_environment.sam.start_api() as running:
        yield running


@pytest.fixture
def backends(sam_environment: SamEnvironment) -> Iterator[Backends]:
    """Return the backends of the functions, with the mock provider reset."""
    sam_environment.backends.provider.reset()
    yield sam_environment.backends
    sam_environment.backends.provider.reset()


@pytest.fixture
def client(api: RunningApi, backends: Backends) -> Iterator[openai.OpenAI]:
    """Return OpenAI's client with its defaults."""
    with openai.OpenAI(base_url=api.base_url, api_key=ACTIVE) as opened:
        yield opened
