"""Which stack a command works on, and how it ends when there is none or AWS refuses."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qwen_gateway_cli import main as command
from qwen_gateway_cli import stackfile
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.operator import OUTPUTS, STACK, Run, described_stack, refused_by_cloudformation
from tests.integration.mock_server import serve_response

LOCAL_URL = "http://127.0.0.1:8000/v1"


def local_stack(repository: Path, endpoint: str) -> None:
    stackfile.write(
        repository,
        stackfile.LocalStack(
            base_url=LOCAL_URL,
            api_key="sk-qg-made-by-up",
            provider_url="http://127.0.0.1:8001",
            aws_endpoint_url=endpoint,
            rest_api_url="http://127.0.0.1:8002",
            stack_name="qwen-gateway-local",
            keys_table="KeysTable",
            usage_table="UsageTable",
            pids={},
        ),
    )


@pytest.fixture
def seen() -> list[dict[str, str]]:
    return []


@pytest.fixture
def emulator(seen: list[dict[str, str]]) -> Iterator[str]:
    """An emulated AWS that describes the stack, whatever it is asked, and remembers who asked."""
    with serve_response(200, described_stack(), seen) as url:
        yield url


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The environment of somebody with a real account; returns the addresses that were connected to."""
    with socket.create_server(("127.0.0.1", 0)) as tarpit:
        trap = f"http://127.0.0.1:{tarpit.getsockname()[1]}"
        for name, value in {
            "AWS_PROFILE": "production",
            "AWS_ACCESS_KEY_ID": "AKIAREALKEY",
            "AWS_SECRET_ACCESS_KEY": "real",
            "AWS_SESSION_TOKEN": "real",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": trap,
            "AWS_ENDPOINT_URL_DYNAMODB": trap,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "HTTP_PROXY": trap,
            "http_proxy": trap,
            "ALL_PROXY": trap,
        }.items():
            monkeypatch.setenv(name, value)
        reached: list[str] = []
        connect = socket.socket.connect

        def noted(self: socket.socket, address: Any) -> None:
            reached.append(f"http://{address[0]}:{address[1]}")
            connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", noted)
        yield reached


@pytest.fixture
def no_aws_files(aws_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment whose variables are all that boto3 finds; it asks once."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize(
    "arguments",
    [["keys", "list"], ["keys", "create", "--name", "x"], ["secrets", "list"], ["secrets", "set", "dashscope"]],
)
def test_without_a_stack_the_command_names_both_remedies(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.status == 1
    assert "qwen-gateway up" in ended.err
    assert "--stack" in ended.err
    assert ended.out == ""


def test_the_running_local_stack_is_addressed_and_named(run: Run, repository: Path, emulator: str) -> None:
    local_stack(repository, emulator)
    ended = run("routes", "--json")
    assert json.loads(ended.out)
    assert LOCAL_URL in ended.err


def test_a_command_in_a_folder_below_finds_the_repository(
    run: Run, repository: Path, emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_stack(repository, emulator)
    below = repository / "functions" / "chat"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert LOCAL_URL in run("routes").err


def test_nothing_local_takes_anything_from_the_callers_aws(
    run: Run, repository: Path, emulator: str, hostile: list[str], seen: list[dict[str, str]]
) -> None:
    local_stack(repository, emulator)
    run("keys", "create", "--name", "tests", "--json")
    run("secrets", "list")
    assert len(seen) == 4
    assert set(hostile) == {emulator}
    for call in seen:
        assert "Credential=test/" in call["authorization"]
        assert "/us-east-1/" in call["authorization"]
        assert "AKIAREALKEY" not in str(call)
        assert "x-amz-security-token" not in call


def test_a_local_stack_that_ended_is_reported(run: Run, repository: Path) -> None:
    local_stack(repository, "http://127.0.0.1:9")
    ended = run("keys", "list")
    assert ended.status == 1
    assert "qwen-gateway down" in ended.err


def test_a_named_stack_goes_before_the_local_one(run: Run, repository: Path, cloudformation: CloudFormation) -> None:
    local_stack(repository, "http://127.0.0.1:9")
    cloudformation(described_stack())
    ended = run("routes", "--stack", STACK)
    assert ended.status == 0
    assert STACK in ended.err
    assert LOCAL_URL not in ended.err


def test_an_unknown_stack_is_one_clear_line(run: Run, cloudformation: CloudFormation) -> None:
    cloudformation(refused_by_cloudformation("ValidationError", "Stack with id x does not exist"), 400)
    ended = run("keys", "list", "--stack", "x")
    assert ended.status == 1
    assert "no stack 'x' in region us-east-1" in ended.err


def test_a_stack_of_another_application_is_reported(run: Run, cloudformation: CloudFormation) -> None:
    cloudformation(described_stack({name: value for name, value in OUTPUTS.items() if name != "KeysTable"}))
    ended = run("keys", "list", "--stack", STACK)
    assert ended.status == 1
    assert "KeysTable" in ended.err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "aws sso login"),
        ("InvalidClientTokenId", "does not accept these credentials"),
        ("AccessDenied", "denies DescribeStacks"),
        ("Unheard", "AWS refused DescribeStacks: Unheard"),
    ],
)
def test_a_rejection_by_aws_is_one_line(run: Run, cloudformation: CloudFormation, code: str, words: str) -> None:
    cloudformation(refused_by_cloudformation(code, "words\nof AWS"), 403)
    ended = run("keys", "list", "--stack", STACK)
    assert ended.status == 1
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == 2


def test_a_response_of_another_server_is_one_line(run: Run, cloudformation: CloudFormation) -> None:
    cloudformation("<html><body>captive portal", 200)
    ended = run("keys", "list", "--stack", STACK)
    assert ended.status == 1
    assert "does not come from AWS" in ended.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_DEFAULT_REGION": None}, "region"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "credentials"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "credentials"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9/ does not answer"),
    ],
)
def test_missing_aws_settings_are_one_line(
    run: Run, no_aws_files: None, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], words: str
) -> None:
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    ended = run("keys", "list", "--stack", STACK)
    assert ended.status == 1
    assert words in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_ctrl_c_ends_with_status_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["qwen_gateway_cli.routes"], "find_stack", interrupted)
    assert run("routes").status == 130


def test_every_command_explains_itself(run: Run) -> None:
    names = [info.name or info.callback.__name__ for info in command.app.registered_commands if info.callback]
    assert {"up", "down", "status", "logs", "routes"} <= set(names)
    for arguments in ([], *([name] for name in names), ["keys"], ["secrets"], ["prices"], ["requests"]):
        assert "Usage" in run(*arguments, "--help").out
