"""The gateway in containers, once for all tests of this tier."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.recorder.keys import OPEN
from tests.sam_local import daemon
from tests.sam_local.machine import Machine
from tests.sam_local.neighbours import Neighbours
from tests.sam_local.sam import RunningApi
from tests.sam_local.scene import Scene
from tests.sam_local.scene import scene as started

HERE = Path(__file__).parent
REACHED = ["127.0.0.1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
"""This machine, also by the address of Docker's bridge."""
CALLERS_SHELL = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKINGKEY00",
    "AWS_SECRET_ACCESS_KEY": "real-looking",
    "AWS_ENDPOINT_URL": "https://aws.invalid",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "KEYS_TABLE": "another-table",
    "GATEWAY_CONFIG": "no JSON",
}
"""What a caller's shell may hold, and sam would hand on to containers."""
IMAGE = pytest.StashKey[str]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.allow_hosts(REACHED), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if IMAGE in config.stash:
        terminalreporter.section("sam local")
        terminalreporter.write_line(f"functions ran on: {config.stash[IMAGE]}")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with no command and no network device."""
    bare = Machine(tmp_path / "machine")
    monkeypatch.setenv("PATH", str(bare.commands))
    monkeypatch.setattr(daemon, "_NETWORK_DEVICES", tmp_path / "devices")
    return bare


@pytest.fixture(scope="session")
def scene(pytestconfig: pytest.Config) -> Iterator[Scene]:
    """Everything that `sam local` needs."""
    with pytest.MonkeyPatch.context() as shell:
        for name, value in CALLERS_SHELL.items():
            shell.setenv(name, value)
        with started() as running:
            pytestconfig.stash[IMAGE] = running.image.description
            yield running


@pytest.fixture(scope="session")
def api(scene: Scene) -> Iterator[RunningApi]:
    """One `sam local start-api`, whose containers stay warm."""
    with scene.sam.start_api() as running:
        yield running


@pytest.fixture
def around(scene: Scene) -> Iterator[Neighbours]:
    """What the functions talk to; each test finds a provider that was told nothing."""
    scene.around.provider.reset()
    yield scene.around
    scene.around.provider.reset()


@pytest.fixture
def client(api: RunningApi, around: Neighbours) -> Iterator[openai.OpenAI]:
    """The real client with its defaults."""
    with openai.OpenAI(base_url=api.base_url, api_key=OPEN) as opened:
        yield opened
