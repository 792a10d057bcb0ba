"""Runs the command in this process, in an empty folder that is a repository of its own."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from qwen_gateway_cli.main import main
from tests.integration.cli.operator import STACK, Ended, Run, described_stack
from tests.integration.emulated_aws import TEMPLATE, Aws
from tests.integration.mock_server import serve_response

type CloudFormation = Callable[..., None]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which no local stack runs; the command is started in it."""
    for name in ("template.yaml", "samconfig.toml"):
        (tmp_path / name).write_bytes((TEMPLATE.parent / name).read_bytes())
    (tmp_path / ".local").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; `stdin` is what is piped into it."""

    def command(*arguments: str, stdin: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["qwen-gateway", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ending:
            main()
        said = capsys.readouterr()
        return Ended(int(ending.value.code or 0), said.out, said.err)

    return command


@pytest.fixture
def cloudformation(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    """Make CloudFormation answer every call with this."""
    with ExitStack() as servers:

        def answers(body: str, status: int = 200) -> None:
            url = servers.enter_context(serve_response(status, body))
            monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", url)

        yield answers


@pytest.fixture
def on_aws(aws: Aws, cloudformation: CloudFormation, run: Run) -> Run:
    """Run a command line against a stack on AWS, whose tables and secret moto holds."""
    cloudformation(described_stack())

    def command(*arguments: str, stdin: str = "") -> Ended:
        return run(*arguments, "--stack", STACK, stdin=stdin)

    return command
