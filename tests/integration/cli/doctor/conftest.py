"""The doctor's examination room."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from qwen_gateway_cli.local.mock_qwen import RunningMockQwen, run_mock_qwen
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.doctor.doctor_environment import KEYS, DoctorEnvironment, limits
from tests.integration.cli.operator import Run
from tests.integration.emulated_aws import Aws
from tests.integration.mock_server import serve_response


@pytest.fixture(scope="module")
def _servers() -> Iterator[dict[str, RunningMockQwen]]:
    with ExitStack() as running:
        yield {name: running.enter_context(run_mock_qwen()) for name in KEYS}


@pytest.fixture
def servers(_servers: dict[str, RunningMockQwen]) -> dict[str, RunningMockQwen]:
    """Two regions of DashScope and a reseller; each takes its own key alone."""
    for name, server in _servers.items():
        server.reset()
        server.control({"accepted_key": KEYS[name]})
    return _servers


@pytest.fixture
def quota(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Make Lambda answer every call with this; unless told otherwise, with the usual limits."""
    with ExitStack() as running:

        def answers(body: str, status: int = 200) -> None:
            monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", running.enter_context(serve_response(status, body)))

        answers(limits(1_000))
        yield answers


@pytest.fixture
def doctor_env(
    aws: Aws, run: Run, cloudformation: CloudFormation, servers: dict[str, RunningMockQwen], quota: object
) -> DoctorEnvironment:
    return DoctorEnvironment(aws, run, cloudformation, servers)
